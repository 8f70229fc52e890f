import { deadline } from "./deadline.js";
import { ClientError, ConnectError } from "./errors.js";

/** The state of a client: `closed` before `connect()` and after `close()`; `reconnecting` after a connection was lost. */
export type State = "connecting" | "connected" | "reconnecting" | "closed";

/** The client's state has changed. */
export interface StateNotice {
  state: State;
  /** Why, in words. */
  reason: string;
  /** While reconnecting, the number of the next attempt since a connection lasted, from 1. */
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
  /** `code` is that of the close frame. */
  broken(reason: string, code: number): void;
  changed(change: StateNotice): void;
  /** Probe the server; rejects without an answer. Undefined if the documents have no probe. */
  readonly probe?: (() => Promise<unknown>) | undefined;
}

/** Milliseconds that a connection must last before the pauses begin anew: that it opened, or said something, is not enough. */
const STABLE = 5_000;

/** Most milliseconds for which a server can ask. */
const LONGEST = 300_000;

/** One WebSocket at a time, reconnected when it is lost. */
export class Connection {
  state: State = "closed";
  readonly #options: ConnectionOptions;
  readonly #owner: Owner;
  #socket: WebSocketLike | undefined;
  /** How much has been read: a number that grows. */
  heard = 0;
  /** Grows with each `connect()` and `close()`: what was begun before one of them is over. */
  #run = 0;
  #attempt = 0;
  #opened = 0;
  /** Milliseconds for which the server asked when it refused a handshake. */
  #asked = 0;
  #last = 0;
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
    const run = ++this.#run;
    this.#attempt = 0;
    this.#change("connecting", "connect() was called");
    try {
      await this.#open();
    } catch (error) {
      if (run === this.#run) this.#change("closed", (error as Error).message);
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
    this.#run++;
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    if (this.state !== "closed") this.#change("closed", "close() was called");
    if (!socket) return;
    if (!open) return this.#abandon?.("close() was called");
    this.#socket = undefined;
    await new Promise<void>((resolve) => {
      const cancel = deadline(this.#options.timeout, () => 0, () => {
        socket.terminate?.();
        resolve();
      });
      socket.onclose = () => (cancel(), resolve());
      socket.onmessage = null;
      socket.close(1000);
    });
  }

  #open(): Promise<void> {
    const { timeout } = this.#options;
    return new Promise((resolve, reject) => {
      let opened = false;
      let detail = "";
      this.#asked = 0;
      const socket = this.#create((fields) => (this.#asked = retryAfter(fields)));
      this.#socket = socket;
      const lost = (reason: string, code = 0) => {
        if (this.#socket !== socket) return;
        cancel();
        clearTimeout(this.#watch);
        this.#socket = undefined;
        socket.onopen = socket.onmessage = socket.onclose = null; // onerror stays: `ws` throws errors that nobody takes
        socket.close();
        socket.terminate?.();
        if (opened) this.#lost(reason, code);
        else reject(new ConnectError(`cannot connect to ${this.#options.url}: ${reason}${this.#unsent}`));
      };
      const cancel = deadline(timeout, () => 0, () => lost(`no answer in ${timeout} ms`));
      this.#abandon = lost;
      socket.onerror = (event) => (detail = event?.error?.message || event?.message || detail);
      socket.onclose = ({ code, reason }) => lost(detail || `closed with ${code}${reason && ` ${reason}`}`, code);
      socket.onmessage = ({ data }) => {
        this.#last = performance.now();
        this.heard++;
        if (this.#socket === socket) this.#owner.received(data);
      };
      socket.onopen = () => {
        cancel();
        opened = true;
        this.#asked = 0;
        this.heard++;
        this.#last = this.#opened = performance.now();
        this.#change("connected", "the connection is open");
        this.#supervise();
        this.#owner.opened();
        resolve();
      };
    });
  }

  /** A new WebSocket; `answered` is called with the header fields of the handshake's answer, where there is a way: in Node. */
  #create(answered: (fields: Fields) => void): WebSocketLike {
    const { url, headers, WebSocket } = this.#options;
    const names = Object.keys(headers);
    let carrier: Carrier | undefined;
    const dispatcher = WebSocket === globalThis.WebSocket && dispatching((found) => (carrier = found), answered);
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

  #lost(reason: string, code: number): void {
    const run = this.#run;
    if (performance.now() - this.#opened >= Math.min(STABLE, this.#options.backoffCap)) this.#attempt = 0;
    this.#owner.broken(reason, code);
    this.#again(run, reason);
  }

  #again(run: number, reason: string): void {
    if (run !== this.#run) return;
    const delay = this.#asked + pause(this.#options, this.#attempt++);
    this.#retry = setTimeout(() => this.#open().catch((error) => this.#again(run, error.message)), delay);
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
        if (performance.now() - this.#last >= silence) await probe().catch(lost);
        if (this.#socket === socket) this.#supervise();
      },
      Math.max(this.#last + silence - performance.now(), 1),
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

/** Gets a field of a response by its name, in small letters. */
export type Fields = (name: string) => string | null | undefined;

/** Milliseconds until the server wants to be asked again: `Retry-After` (RFC 9110, 10.2.3), 0 if it does not say; a date by its own clock. */
export function retryAfter(fields: Fields): number {
  const told = fields("retry-after") ?? "";
  const ms = /^\d+$/.test(told) ? +told * 1000 : Date.parse(told) - (Date.parse(fields("date") ?? "") || Date.now());
  return Math.min(Math.max(ms || 0, 0), LONGEST);
}

interface Carrier {
  destroy(): void;
}

/**
 * What Node's own WebSocket is to be made with, so that `found` gets the TCP socket beneath, and `answered` the header fields
 * of the handshake's answer; undefined elsewhere.
 *
 * Node waits for the answer to a close as long as TCP does, many minutes, and the process with it.
 */
function dispatching(found: (carrier: Carrier) => void, answered: (fields: Fields) => void): object | undefined {
  const agent = (globalThis as any)[Symbol.for("undici.globalDispatcher.1")];
  if (!agent) return undefined;
  const dispatch = (options: unknown, handler: any): unknown => {
    for (const name of ["onUpgrade", "onRequestUpgrade", "onHeaders", "onResponseStart"]) {
      const own = handler[name];
      if (!own) continue;
      handler[name] = (...given: any[]) => {
        found(given.find((value) => typeof value?.destroy === "function"));
        // Names and values by turns in undici 7, an object in undici 8.
        const fields = given.slice(1).find((value) => typeof value === "object");
        const all = (Array.isArray(fields) ? fields : Object.entries(fields).flat()).map(String);
        answered((field) => all[all.findIndex((each) => each.toLowerCase() === field) + 1]);
        return own.apply(handler, given);
      };
    }
    return agent.dispatch(options, handler);
  };
  return { dispatch };
}
