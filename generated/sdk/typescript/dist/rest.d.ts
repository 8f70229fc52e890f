import { type Credential } from "./contract.js";
/** Options of every request. */
export interface RequestOptions {
    /** Milliseconds in which the answer must come; the client's `timeout` unless given. */
    timeout?: number | undefined;
    /** Gives the request up; the promise rejects with the signal's reason. */
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
/** Requests over HTTP, with JSON bodies. */
export declare class Rest {
    #private;
    /** The client's own label. */
    readonly clientId: string;
    constructor(options: RestOptions);
    /**
     * Make a request, and resolve with the body of its answer.
     *
     * Rejects with ProblemError if it is refused, ConnectError if nobody answers, TimeoutError if nobody does in time.
     */
    request(method: string, template: string, parts: Parts, options?: RequestOptions): Promise<any>;
}
