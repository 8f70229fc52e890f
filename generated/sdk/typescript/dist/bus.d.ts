import { Connection, type ConnectionOptions, type Owner, type StateNotice } from "./connection.js";
import { type Contract, type Frame, type Stream } from "./contract.js";
import { Emitter } from "./emitter.js";
import { ReplyError } from "./errors.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";
/** Options of every command. */
export interface CommandOptions {
    /** Milliseconds in which the answer must come, a wait for the connection included; the client's `timeout` unless given. */
    timeout?: number | undefined;
    /** Gives the command up; the promise rejects with the signal's reason. What was sent may still be done. */
    signal?: AbortSignal | undefined;
}
/** Options of a subscription. */
export interface StreamOptions extends SubscriptionOptions, Pick<CommandOptions, "timeout"> {
    /**
     * Try again when the server refuses the subscription after a reconnect, with the pauses of one. Without it, that ends it:
     * a server that forgot its topics ends it with a ReplyError. The first refusal always does.
     */
    retry?: boolean | undefined;
}
/** Events of a stream are missing. */
export interface DroppedNotice {
    /** What was subscribed to. */
    key: unknown;
    count: number;
    /** Who dropped them: the server, since this client read too slowly; or this client, since the subscription's queue was full. */
    by: "server" | "client";
}
/** A subscription is back after a reconnect. What was sent meanwhile may be missed. */
export interface ResubscribedNotice {
    key: unknown;
}
/** After a reconnect the server refused a subscription that has `retry`; it is tried again. */
export interface RefusedNotice {
    key: unknown;
    error: ReplyError;
    /** Milliseconds until the next attempt. */
    delay: number;
}
/** What `client.on` can wait for. */
export interface Notices {
    state: StateNotice;
    dropped: DroppedNotice;
    resubscribed: ResubscribedNotice;
    refused: RefusedNotice;
}
/** Commands, each with its reply, and streams of events, over one connection. */
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
    broken(reason: string): void;
    changed(change: StateNotice): void;
    received(text: string): void;
}
