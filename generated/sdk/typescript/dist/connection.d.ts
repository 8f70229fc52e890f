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
/** One WebSocket at a time, reconnected when it is lost. */
export declare class Connection {
    #private;
    state: State;
    /** How much has been read: a number that grows. */
    heard: number;
    constructor(options: ConnectionOptions, owner: Owner);
    /** Open the connection. Rejects with ConnectError if that fails; only after it was open once does it reconnect. */
    connect(): Promise<void>;
    send(text: string): void;
    /** Abort the WebSocket, and reconnect. */
    restart(reason: string): void;
    /** Close for good; resolves when the server has confirmed that, or failed to in time. */
    close(): Promise<void>;
}
/** Milliseconds until the attempt that comes after `failed` others: a random part of what doubles with each (full jitter). */
export declare function pause({ backoffBase, backoffCap }: ConnectionOptions, failed: number): number;
/** Gets a field of a response by its name, in small letters. */
export type Fields = (name: string) => string | null | undefined;
/** Milliseconds until the server wants to be asked again: `Retry-After` (RFC 9110, 10.2.3), 0 if it does not say; a date by its own clock. */
export declare function retryAfter(fields: Fields): number;
