export interface SubscriptionOptions {
    /** Maximum of unread events; beyond, the oldest is dropped and counted: 1000. */
    queueSize?: number | undefined;
    /** Yield the text of each frame, unparsed. */
    raw?: boolean | undefined;
    /** Ends the subscription; whoever waits for an event gets the signal's reason. */
    signal?: AbortSignal | undefined;
}
/** What a subscription needs of the connection. */
export interface Source {
    /** Have the server send no more. */
    stop(): Promise<void>;
    /** Events were dropped because the queue was full. */
    dropped(count: number): void;
    /** It ended with an error, and nobody has asked for it so far. */
    unseen(error: Error): void;
}
/**
 * A subscription: `for await (const event of subscription)`, or `subscription.on("event", callback)`.
 *
 * Leaving the loop ends the subscription, as `close()` does. With a callback nothing waits in the queue.
 */
export declare class Subscription<T> implements AsyncIterableIterator<T, undefined> {
    #private;
    /** How many events were dropped, by the server or in this client, because they were read too slowly. */
    readonly dropped: {
        server: number;
        client: number;
    };
    /** Resolves when the server has accepted the subscription; rejects with its refusal. */
    ready(): Promise<void>;
    /**
     * Call `callback` for each event, those that wait first; or once with `end`, when no more will come, with the error if it
     * was one. Returns a function that stops that.
     */
    on(name: "event", callback: (event: T) => void): () => void;
    on(name: "end", callback: (error: Error | undefined) => void): () => void;
    /** The next event. Rejects with the error that ended the subscription, once, after the events that came before. */
    next(): Promise<IteratorResult<T, undefined>>;
    /** Unsubscribe. Resolves when the server has confirmed that, or there is no connection. */
    close(): Promise<void>;
    return(): Promise<IteratorResult<T, undefined>>;
    [Symbol.asyncIterator](): this;
}
