import { ClientError, ConnectError } from "./errors.js";

/** The state of a client: `closed` before `connect()` and after `close()`; `reconnecting` after a connection was lost. */
export type State = "connecting" | "connected" | "reconnecting" | "closed";

/** The client's state has changed. */
export interface StateNotice {
  state: State;
  /** Why, in words. */
  reason: string;
  /** While reconnecting, the number of the next attempt, from 1. */
  attempt: number;
  /** While reconnecting, milliseconds until that attempt. */
  delay: number;
}

/** What is used of a WebSocket. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number): void;
  /** What `ws` has for peers that do not answer a close; others are given it where there is a way. */
  terminate?(): void;
}

/** A class of WebSockets: the browser's or Node's own, or that of the package `ws`. */
export type WebSocketClass = new (url: string, options?: any) => WebSocketLike;

export interface ConnectionOptions {
  url: string;
  headers: Record<string, string>;
  WebSocket: WebSocketClass;
  /** Milliseconds in which a connection must open or close. */
  timeout: number;
  /** Milliseconds: the first pause between attempts is at most `backoffBase`, each next twice as long, none longer than `backoffCap`. */
  backoffBase: number;
  backoffCap: number;
  /** Milliseconds without a frame after which `probe` is called; 0 for never. */
  silence: number;
}

/** What a connection calls. */
export interface Owner {
  opened(): void;
  received(text: string): void;
  broken(reason: string): void;
  changed(change: StateNotice): void;
  /** Probe the server; rejects without an answer. Undefined if the documents have no probe. */
  readonly probe?: (() => Promise<unknown>) | undefined;
}

/** One WebSocket at a time, reconnected when it is lost. */
export class Connection {
  state: State = "closed";
  readonly #options: ConnectionOptions;
  readonly #owner: Owner;
  #socket: WebSocketLike | undefined;
  #attempt = 0;
  #heard = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #unsent = "";
  #abandon: ((reason: string) => void) | undefined;

  constructor(options: ConnectionOptions, owner: Owner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** Open the connection. Rejects with ConnectError if that fails; only after it was open once does it reconnect. */
  async connect(): Promise<void> {
    if (this.state !== "closed") throw new ClientError(`connect() was called before; the client is ${this.state}`);
    this.#change("connecting", "connect() was called");
    try {
      await this.#open();
    } catch (error) {
      if ((this.state as State) !== "closed") this.#change("closed", (error as Error).message);
      throw error;
    }
  }

  send(text: string): void {
    this.#socket?.send(text);
  }

  /** Abort the WebSocket, and reconnect. */
  restart(reason: string): void {
    this.#abandon?.(reason);
  }

  /** Close for good; resolves when the server has confirmed that, or failed to in time. */
  async close(): Promise<void> {
    const socket = this.#socket;
    const open = this.state === "connected";
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    if (this.state !== "closed") this.#change("closed", "close() was called");
    if (!socket) return;
    if (!open) return this.#abandon?.("close() was called");
    this.#socket = undefined;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        socket.terminate?.();
        resolve();
      }, this.#options.timeout);
      socket.onclose = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.onmessage = null;
      socket.close(1000);
    });
  }

  #open(): Promise<void> {
    const { timeout } = this.#options;
    return new Promise((resolve, reject) => {
      let opened = false;
      let detail = "";
      const socket = this.#create();
      this.#socket = socket;
      const lost = (reason: string) => {
        if (this.#socket !== socket) return;
        clearTimeout(timer);
        clearTimeout(this.#watch);
        this.#socket = undefined;
        socket.onopen = socket.onmessage = socket.onclose = null; // onerror stays: `ws` throws errors that nobody takes
        socket.close();
        socket.terminate?.();
        if (opened) this.#lost(reason);
        else reject(new ConnectError(`cannot connect to ${this.#options.url}: ${reason}${this.#unsent}`));
      };
      const timer = setTimeout(lost, timeout, `no answer in ${timeout} ms`);
      this.#abandon = lost;
      socket.onerror = (event) => (detail = event?.error?.message || event?.message || detail);
      socket.onclose = ({ code, reason }) => lost(detail || `closed with ${code}${reason && ` ${reason}`}`);
      socket.onmessage = ({ data }) => {
        this.#heard = Date.now();
        this.#attempt = 0; // a connection that says nothing counts as a failed attempt
        if (this.#socket === socket) this.#owner.received(data);
      };
      socket.onopen = () => {
        clearTimeout(timer);
        opened = true;
        this.#heard = Date.now();
        this.#change("connected", "the connection is open");
        this.#supervise();
        this.#owner.opened();
        resolve();
      };
    });
  }

  #create(): WebSocketLike {
    const { url, headers, WebSocket } = this.#options;
    const names = Object.keys(headers);
    let carrier: Carrier | undefined;
    const dispatcher = WebSocket === globalThis.WebSocket && dispatching((found) => (carrier = found));
    const options = { ...(names.length && { headers }), ...(dispatcher && { dispatcher }) };
    let socket: WebSocketLike | undefined;
    try {
      if (Object.keys(options).length) socket = new WebSocket(url, options);
    } catch {
      // A browser takes the options for the name of a subprotocol: it can send no headers.
      this.#unsent = `; the WebSocket of this platform cannot send ${names.join(", ")}`;
    }
    socket ??= new WebSocket(url);
    socket.terminate ??= () => carrier?.destroy();
    return socket;
  }

  #lost(reason: string): void {
    this.#owner.broken(reason);
    this.#again(reason);
  }

  #again(reason: string): void {
    if (this.state === "closed") return;
    const delay = pause(this.#options, this.#attempt++);
    this.#retry = setTimeout(() => this.#open().catch((error) => this.#again(error.message)), delay);
    this.#change("reconnecting", reason, this.#attempt, delay);
  }

  #supervise(): void {
    const { silence } = this.#options;
    const { probe } = this.#owner;
    const socket = this.#socket; // none if who was told that it is open has closed it
    if (!silence || !probe || !socket) return;
    const lost = () => this.#socket === socket && this.restart(`the server was silent for ${silence} ms and did not answer`);
    this.#watch = setTimeout(
      async () => {
        if (Date.now() - this.#heard >= silence) await probe().catch(lost);
        if (this.#socket === socket) this.#supervise();
      },
      Math.max(this.#heard + silence - Date.now(), 1),
    );
  }

  #change(state: State, reason: string, attempt = 0, delay = 0): void {
    this.state = state;
    this.#owner.changed({ state, reason, attempt, delay });
  }
}

/** Milliseconds until the attempt that comes after `failed` others: a random part of what doubles with each (full jitter). */
export function pause({ backoffBase, backoffCap }: ConnectionOptions, failed: number): number {
  return Math.random() * Math.min(backoffCap, backoffBase * 2 ** failed);
}

interface Carrier {
  destroy(): void;
}

/**
 * What Node's own WebSocket is to be made with, so that `found` gets the TCP socket beneath; undefined elsewhere.
 *
 * Node waits for the answer to a close as long as TCP does, many minutes, and the process with it.
 */
function dispatching(found: (carrier: Carrier) => void): object | undefined {
  const agent = (globalThis as any)[Symbol.for("undici.globalDispatcher.1")];
  if (!agent) return undefined;
  const dispatch = (options: unknown, handler: any): unknown => {
    for (const name of ["onUpgrade", "onRequestUpgrade"]) {
      const own = handler[name];
      if (!own) continue;
      handler[name] = (...given: any[]) => {
        found(given.find((value) => typeof value?.destroy === "function"));
        return own.apply(handler, given);
      };
    }
    return agent.dispatch(options, handler);
  };
  return { dispatch };
}
