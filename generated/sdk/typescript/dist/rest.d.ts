import { type Credential } from "./contract.js";
/** Options of every request. */
export interface RequestOptions {
    /** Milliseconds in which the response must come; by default the client's `timeout`. */
    timeout?: number | undefined;
    /** Aborts the request; the promise rejects with the signal's reason. */
    signal?: AbortSignal | undefined;
}
/** What goes into a request. */
export interface Parts {
    path?: Record<string, unknown>;
    query?: Record<string, unknown>;
    headers?: Record<string, unknown>;
    body?: unknown;
}
export interface RestOptions {
    /** Without a slash at the end. */
    url: string;
    fetch: typeof fetch;
    timeout: number;
    apiKey: string | undefined;
    credential: Credential | undefined;
    clientId: string;
}
/** HTTP requests with JSON bodies. */
export declare class Rest {
    #private;
    /** The client's own label. */
    readonly clientId: string;
    constructor(options: RestOptions);
    /**
     * Make a request, and resolve with the body of the response.
     *
     * Rejects with TypeError if a value of `path` would lead to another resource, ProblemError if it is refused, ConnectError if the server cannot be reached, TimeoutError without a response in time.
     */
    request(method: string, template: string, parts: Parts, options?: RequestOptions): Promise<any>;
}
