import { Connection, type ConnectionOptions, type Owner, type StateNotice } from "./connection.js";
import { type Contract, type Frame, type Stream } from "./contract.js";
import { Emitter } from "./emitter.js";
import { ReplyError } from "./errors.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";
/** Options of every command. */
export interface CommandOptions {
    /** Milliseconds in which the reply must come, including a wait for the connection; by default the client's `timeout`. */
    timeout?: number | undefined;
    /** Aborts the command; the promise rejects with the signal's reason. What was sent may still be carried out. */
    signal?: AbortSignal | undefined;
}
/** Options of a subscription. */
export interface StreamOptions extends SubscriptionOptions, Pick<CommandOptions, "timeout"> {
    /**
     * Retry with backoff when the server refuses the subscription after a reconnect. By default a refusal, for example by a
     * server that has restarted without its topics, ends the subscription with a ReplyError. The first refusal always does.
     */
    retry?: boolean | undefined;
}
/** Events of a subscription were lost. */
export interface DroppedNotice {
    /** What was subscribed to. */
    key: unknown;
    count: number;
    /** Who dropped them: the server, because this client read too slowly, or this client, because the queue was full. */
    by: "server" | "client";
}
/** A subscription continues after a reconnect. Events published in between may be missed. */
export interface ResubscribedNotice {
    key: unknown;
}
/** After a reconnect the server refused a subscription that has `retry`; it is retried. */
export interface RefusedNotice {
    key: unknown;
    error: ReplyError;
    /** Milliseconds until the next attempt. */
    delay: number;
}
/** The notices of a client, by the name that `client.on` takes. */
export interface Notices {
    state: StateNotice;
    dropped: DroppedNotice;
    resubscribed: ResubscribedNotice;
    refused: RefusedNotice;
}
/** Commands with their replies, and streams of events, over one connection. */
export declare class Bus implements Owner {
    #private;
    readonly connection: Connection;
    readonly probe: Owner["probe"];
    readonly notices: Emitter<Notices>;
    constructor(contract: Contract, options: ConnectionOptions);
    /** Send a frame, and resolve with its reply: one of the kinds in `replies`. Without any, resolve when it is sent. */
    request(frame: Frame, replies: readonly string[], options?: CommandOptions): Promise<any>;
    /** Start a stream with `frame`; `stop` is the frame that ends it. */
    subscribe(stream: Stream, frame: Frame, stop: Frame | undefined, stops: readonly string[], options: StreamOptions): Subscription<any>;
    /** Frames of the given kinds that the server sends unasked. */
    feed(kinds: readonly string[], options: SubscriptionOptions): Subscription<any>;
    opened(): void;
    broken(reason: string, code: number): void;
    changed(change: StateNotice): void;
    received(text: string): void;
}
