import { ClosedError } from "./errors.js";
import { Emitter } from "./emitter.js";

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

/** Milliseconds between two notices of events that one full queue dropped. */
const NOTICE_INTERVAL = 100;

/**
 * A subscription: `for await (const event of subscription)`, or `subscription.on("event", callback)`.
 *
 * Leaving the loop ends the subscription, as `close()` does. With a callback nothing waits in the queue.
 */
export class Subscription<T> implements AsyncIterableIterator<T, undefined> {
  /** How many events were dropped, by the server or in this client, because they were read too slowly. */
  readonly dropped = { server: 0, client: 0 };
  readonly #emitter = new Emitter<{ event: T; end: Error | undefined }>();
  readonly #limit: number;
  readonly #source: Source;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.leave(this.#signal?.reason);
  readonly #ready: Promise<void>;
  /** @internal The server has accepted it. */
  accepted!: () => void;
  #refuse!: (error: Error) => void;
  #queue: (T | undefined)[] = [];
  #head = 0;
  #waiting: { resolve: (result: IteratorResult<T, undefined>) => void; reject: (error: Error) => void }[] = [];
  #watched = false;
  #ended = false;
  #error: Error | undefined;
  #thrown = false;
  #untold = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @internal */
  constructor(source: Source, { queueSize = 1000, signal }: SubscriptionOptions) {
    if (!(queueSize >= 1)) throw new RangeError("queueSize must be at least 1");
    this.#limit = queueSize;
    this.#source = source;
    this.#signal = signal;
    this.#ready = new Promise((resolve, reject) => {
      this.accepted = resolve;
      this.#refuse = reject;
    });
    this.#ready.catch(() => {}); // whoever iterates gets the error too
    if (signal?.aborted) queueMicrotask(this.#abort);
    else signal?.addEventListener("abort", this.#abort);
  }

  /** Resolves when the server has accepted the subscription; rejects with its refusal. */
  ready(): Promise<void> {
    this.#watched = true;
    return this.#ready;
  }

  /**
   * Call `callback` for each event, those that wait first; or once with `end`, when no more will come, with the error if it
   * was one. Returns a function that stops that.
   */
  on(name: "event", callback: (event: T) => void): () => void;
  on(name: "end", callback: (error: Error | undefined) => void): () => void;
  on(name: "event" | "end", callback: (value: any) => void): () => void {
    const off = this.#emitter.on(name, callback);
    if (name === "end") {
      this.#watched = true;
      if (this.#ended) queueMicrotask(() => callback(this.#error));
    } else {
      for (let event = this.#take(); event; event = this.#take()) this.#emitter.emit("event", event.value);
    }
    return off;
  }

  /** The next event. Rejects with the error that ended the subscription, once, after the events that came before. */
  next(): Promise<IteratorResult<T, undefined>> {
    this.#watched = true;
    const event = this.#take();
    if (event) return Promise.resolve({ value: event.value, done: false });
    if (!this.#ended) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (!this.#error || this.#thrown) return Promise.resolve({ value: undefined, done: true });
    this.#thrown = true;
    return Promise.reject(this.#error);
  }

  /** Unsubscribe. Resolves when the server has confirmed that, or there is no connection. */
  close(): Promise<void> {
    return this.leave();
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.leave();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @internal An event has come. */
  push(event: T): void {
    if (this.#ended) return;
    if (this.#emitter.emit("event", event)) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting.resolve({ value: event, done: false });
    this.#queue.push(event);
    if (this.#queue.length - this.#head > this.#limit) {
      this.#take();
      this.dropped.client++;
      this.#untold++;
      this.#timer ??= setTimeout(() => this.#tell(), NOTICE_INTERVAL);
    }
  }

  /** @internal No more will come. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#tell();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#refuse(error ?? new ClosedError("the subscription was closed"));
    const waiting = this.#waiting.splice(0);
    if (error && waiting.length) {
      this.#thrown = true;
      waiting.shift()?.reject(error);
    }
    for (const { resolve } of waiting) resolve({ value: undefined, done: true });
    this.#emitter.emit("end", error);
    if (error && !this.#watched) this.#source.unseen(error);
  }

  /** @internal It is over, and the server shall send no more. */
  async leave(reason?: Error): Promise<void> {
    if (this.#ended) return;
    this.end(reason);
    await this.#source.stop();
  }

  #take(): { value: T } | undefined {
    if (this.#head === this.#queue.length) return undefined;
    const value = this.#queue[this.#head] as T;
    this.#queue[this.#head] = undefined;
    // Not `shift`, which moves what is left.
    if (++this.#head > 1023 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return { value };
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#untold) this.#source.dropped(this.#untold);
    this.#untold = 0;
  }
}
