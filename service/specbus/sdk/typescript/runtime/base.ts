import { Bus, type Notices } from "./bus.js";
import type { State, WebSocketClass } from "./connection.js";
import { asked, type Contract, type Credential, sign, uuid } from "./contract.js";
import { ConnectError } from "./errors.js";
import { Rest } from "./rest.js";

/** Options of a client, all with defaults. Durations are in milliseconds. */
export interface ClientOptions {
  /** The service's API key. A browser's WebSocket cannot send it in a header; its HTTP requests can. */
  apiKey?: string | undefined;
  /** A label of this client, for the service's logs; random by default. */
  clientId?: string | undefined;
  /** Time in which a reply must come, and a connection be opened or closed: 10 000. */
  timeout?: number | undefined;
  /**
   * Exponential backoff with full jitter between attempts to reconnect: from `backoffBase` (100) to `backoffCap` (20 000). It
   * begins anew once a connection has lasted 5 seconds, or `backoffCap` if that is less.
   */
  backoffBase?: number | undefined;
  backoffCap?: number | undefined;
  /** Without a frame for so long, the server is probed; without an answer the client reconnects: 45 000. 0 to never probe. */
  silence?: number | undefined;
  /** The WebSocket class to use instead of the platform's: Node 22 and browsers have one. */
  WebSocket?: WebSocketClass | undefined;
  /** The `fetch` to use instead of the platform's. */
  fetch?: typeof fetch | undefined;
}

/** The HTTP side of a client. */
export class RestClient {
  /** This client's label. */
  readonly clientId: string;
  /** @internal */
  protected readonly _rest: Rest;

  constructor(url: string, options: ClientOptions, credential: Credential | undefined) {
    const { apiKey, timeout = 10_000 } = options;
    this.clientId = options.clientId ?? `client-${uuid().slice(0, 8)}`;
    // Called through a function: a browser's own wants to be called on `window`.
    const call: typeof fetch = options.fetch ?? ((...given) => fetch(...given));
    this._rest = new Rest({ url: trimmed(url).replace(/^ws/, "http"), fetch: call, timeout, apiKey, credential, clientId: this.clientId });
  }
}

/** A client for HTTP requests, and for commands and streams over one WebSocket. */
export class SocketClient extends RestClient {
  /** @internal */
  protected readonly _bus: Bus;

  constructor(url: string, options: ClientOptions, credential: Credential | undefined, contract: Contract) {
    super(url, options, credential);
    const { apiKey, timeout = 10_000, backoffBase = 100, backoffCap = 20_000, silence = 45_000 } = options;
    const WebSocket = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
    if (!WebSocket) throw new ConnectError("there is no WebSocket here: use Node 22 or newer, or pass a class in as WebSocket");
    const headers = {};
    const query = new URLSearchParams();
    sign(credential, apiKey, headers, query);
    const address = asked(trimmed(url).replace(/^http/, "ws") + contract.address, query);
    this._bus = new Bus(contract, { url: address, headers, WebSocket, timeout, backoffBase, backoffCap, silence });
  }

  /** The state of the connection. */
  get state(): State {
    return this._bus.connection.state;
  }

  /**
   * Open the connection. When it is lost later, the client reconnects, until `close()`.
   *
   * Rejects with ConnectError if it cannot be opened now.
   */
  connect(): Promise<void> {
    return this._bus.connection.connect();
  }

  /** Close the connection and end all subscriptions. Resolves when the server has confirmed that. */
  close(): Promise<void> {
    return this._bus.connection.close();
  }

  /**
   * Call `callback` for each notice of the kind; returns a function that stops that.
   *
   * `state`: the connection's state has changed. `dropped`: events were lost. `resubscribed`: a subscription continues after
   * a reconnect. Without a callback, lost connections and events are reported by `console.warn`.
   */
  on<Name extends keyof Notices>(name: Name, callback: (notice: Notices[Name]) => void): () => void {
    return this._bus.notices.on(name, callback);
  }
}

function trimmed(url: string): string {
  if (!/^(http|ws)s?:\/\//.test(url)) throw new TypeError(`the URL must begin with http:// or ws://, not ${url}`);
  return url.replace(/\/+$/, "");
}
