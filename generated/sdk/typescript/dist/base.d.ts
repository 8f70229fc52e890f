import { type Notices } from "./bus.js";
import type { State, WebSocketClass } from "./connection.js";
import { type Contract, type Credential } from "./contract.js";
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
export declare class RestClient {
    /** This client's label. */
    readonly clientId: string;
    constructor(url: string, options: ClientOptions, credential: Credential | undefined);
}
/** A client of both sides: HTTP requests, and commands and streams over one WebSocket. */
export declare class SocketClient extends RestClient {
    constructor(url: string, options: ClientOptions, credential: Credential | undefined, contract: Contract);
    /** Where the connection stands. */
    get state(): State;
    /**
     * Open the connection. When it breaks later it is opened again, until `close()`.
     *
     * Rejects with ConnectError if it cannot be opened now.
     */
    connect(): Promise<void>;
    /** Close the connection and end all subscriptions. Resolves when the server has agreed. */
    close(): Promise<void>;
    /**
     * Call `callback` for each notice of the kind; returns a function that takes it away.
     *
     * `state`: the connection has another state. `dropped`: events are missing. `resubscribed`: a subscription is back after
     * a reconnect. Notices of loss that no callback takes go to `console.warn`.
     */
    on<Name extends keyof Notices>(name: Name, callback: (notice: Notices[Name]) => void): () => void;
}
