import { Bus, type Notices } from "./bus.js";
import type { State, WebSocketClass } from "./connection.js";
import { asked, type Contract, type Credential, sign, uuid } from "./contract.js";
import { ConnectError } from "./errors.js";
import { Rest } from "./rest.js";

/** Options of a client, all with defaults. Durations are in milliseconds. */
export interface ClientOptions {
  /** The service's API key. A browser's WebSocket cannot send it in a header; its HTTP requests can. */
  apiKey?: string | undefined;
  /** This client's own label, for the service's logs; made up unless given. */
  clientId?: string | undefined;
  /** In which a command must be answered, and a connection made or closed. 10 000 unless set. */
  timeout?: number | undefined;
  /** Reconnecting, the first pause is a random one of at most `backoffBase` (100), each next up to twice as long, none longer than `backoffCap` (20 000). */
  backoffBase?: number | undefined;
  backoffCap?: number | undefined;
  /** When no frame came for so long, the server is asked for a sign of life, and the connection made anew if there is none. 45 000; 0 for never. */
  silence?: number | undefined;
  /** The WebSocket class to use, if not the platform's own: Node 22 and browsers have one. */
  WebSocket?: WebSocketClass | undefined;
  /** The `fetch` to use, if not the platform's own. */
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

/** A client of both sides: HTTP requests, and commands and streams over one WebSocket. */
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

  /** Where the connection stands. */
  get state(): State {
    return this._bus.connection.state;
  }

  /**
   * Open the connection. When it breaks later it is opened again, until `close()`.
   *
   * Rejects with ConnectError if it cannot be opened now.
   */
  connect(): Promise<void> {
    return this._bus.connection.connect();
  }

  /** Close the connection and end all subscriptions. Resolves when the server has agreed. */
  close(): Promise<void> {
    return this._bus.connection.close();
  }

  /**
   * Call `callback` for each notice of the kind; returns a function that takes it away.
   *
   * `state`: the connection has another state. `dropped`: events are missing. `resubscribed`: a subscription is back after
   * a reconnect. Notices of loss that no callback takes go to `console.warn`.
   */
  on<Name extends keyof Notices>(name: Name, callback: (notice: Notices[Name]) => void): () => void {
    return this._bus.notices.on(name, callback);
  }
}

function trimmed(url: string): string {
  if (!/^(http|ws)s?:\/\//.test(url)) throw new TypeError(`the URL must begin with http:// or ws://, not ${url}`);
  return url.replace(/\/+$/, "");
}
