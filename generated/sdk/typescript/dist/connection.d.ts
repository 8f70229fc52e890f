/** Where a client stands: `closed` before `connect()` and after `close()`; `reconnecting` until a broken connection is back. */
export type State = "connecting" | "connected" | "reconnecting" | "closed";
/** The client has another state now. */
export interface StateNotice {
    state: State;
    /** Why, for a person. */
    reason: string;
    /** While reconnecting, which attempt comes next: 1 for the first. */
    attempt: number;
    /** While reconnecting, milliseconds until that attempt. */
    delay: number;
}
/** What is needed of a WebSocket. */
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
/** Who is told of what happens on a connection. */
export interface Owner {
    opened(): void;
    received(text: string): void;
    broken(reason: string): void;
    changed(change: StateNotice): void;
    /** Ask the server for a sign of life; rejects if there is none. Undefined if the server knows no such question. */
    readonly probe?: (() => Promise<unknown>) | undefined;
}
/** One WebSocket at a time, opened again when it breaks. */
export declare class Connection {
    #private;
    state: State;
    constructor(options: ConnectionOptions, owner: Owner);
    /** Open the connection. Rejects with ConnectError if that fails; only a connection that was open once is opened again. */
    connect(): Promise<void>;
    send(text: string): void;
    /** Give up the WebSocket that there is, and open another. */
    restart(reason: string): void;
    /** Close for good; resolves when the server has agreed, or did not in time. */
    close(): Promise<void>;
}
/** Milliseconds until the attempt that comes after `failed` others: a random part of what doubles with each (full jitter). */
export declare function pause({ backoffBase, backoffCap }: ConnectionOptions, failed: number): number;
