export interface SubscriptionOptions {
    /** Most events that may wait for you; when one more comes the oldest is dropped, and counted. 1000 unless set. */
    queueSize?: number | undefined;
    /** Hand out the text of each frame as it came, instead of what `JSON.parse` makes of it. */
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
 * Events as they come: `for await (const event of subscription)`, or `subscription.on("event", callback)`.
 *
 * Leaving the loop ends the subscription, as `close()` does. With a callback nothing waits in the queue.
 */
export declare class Subscription<T> implements AsyncIterableIterator<T, undefined> {
    #private;
    /** Events that are missing: dropped by the server since this client read too slowly, or here since the queue was full. */
    readonly dropped: {
        server: number;
        client: number;
    };
    /** Resolves when the server has accepted the subscription; rejects with its refusal. */
    ready(): Promise<void>;
    /**
     * Call `callback` for each event, those that wait first; or once with `end`, when no more will come, with the error if it
     * was one. Returns a function that takes the callback away.
     */
    on(name: "event", callback: (event: T) => void): () => void;
    on(name: "end", callback: (error: Error | undefined) => void): () => void;
    /** The next event. Rejects with what ended the subscription, once, when all that came before has been handed out. */
    next(): Promise<IteratorResult<T, undefined>>;
    /** End the subscription. Resolves when the server has confirmed it, or cannot be asked. */
    close(): Promise<void>;
    return(): Promise<IteratorResult<T, undefined>>;
    [Symbol.asyncIterator](): this;
}
