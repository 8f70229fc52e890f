import { type Notices } from "./bus.js";
import type { State, WebSocketClass } from "./connection.js";
import { type Contract, type Credential } from "./contract.js";
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
export declare class RestClient {
    /** This client's label. */
    readonly clientId: string;
    constructor(url: string, options: ClientOptions, credential: Credential | undefined);
}
/** A client for HTTP requests, and for commands and streams over one WebSocket. */
export declare class SocketClient extends RestClient {
    constructor(url: string, options: ClientOptions, credential: Credential | undefined, contract: Contract);
    /** The state of the connection. */
    get state(): State;
    /**
     * Open the connection. When it is lost later, the client reconnects, until `close()`.
     *
     * Rejects with ConnectError if it cannot be opened now.
     */
    connect(): Promise<void>;
    /** Close the connection and end all subscriptions. Resolves when the server has confirmed that. */
    close(): Promise<void>;
    /**
     * Call `callback` for each notice of the kind; returns a function that stops that.
     *
     * `state`: the connection's state has changed. `dropped`: events were lost. `resubscribed`: a subscription continues after
     * a reconnect. Without a callback, lost connections and events are reported by `console.warn`.
     */
    on<Name extends keyof Notices>(name: Name, callback: (notice: Notices[Name]) => void): () => void;
}
