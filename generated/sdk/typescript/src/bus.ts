import { Connection, type ConnectionOptions, type Owner, pause, type StateNotice } from "./connection.js";
import { at, type Contract, type Frame, type Match, put, type Stream, uuid } from "./contract.js";
import { deadline } from "./deadline.js";
import { Emitter } from "./emitter.js";
import {
  AlreadySubscribedError,
  ClosedError,
  InvalidReplyError,
  ReplyError,
  SubscriptionEnded,
  TimeoutError,
  UnknownOutcomeError,
} from "./errors.js";
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

interface Command {
  /** What is sent; empty once nobody waits for it any more. */
  text: string;
  request: Frame;
  replies: readonly string[];
  sent: boolean;
  done(reply: Frame): void;
  failed(error: Error): void;
  /** It is sent, and has no reply. */
  unanswered(): void;
}

interface Started {
  subscription: Subscription<any>;
  stream: Stream;
  frame: Frame;
  key: unknown;
  options: StreamOptions;
  /** Only while it is active are events delivered: what comes before the reply belongs to an earlier subscription. */
  state: "idle" | "asked" | "active";
  accepted: boolean;
  attempt: number;
  /** Cancels what is to come later. */
  cancel?: () => void;
  command?: Command | undefined;
}

const TOO_BIG = 1009;

/**
 * Codes with which a server closes because of a message that it did not take (RFC 6455, 7.4.1), and what each says. With all
 * others, a command may have been carried out before.
 */
const REFUSALS: Readonly<Record<string, string>> = { 1003: "no such data", 1007: "no text", 1008: "against the policy", [TOO_BIG]: "too big" };

/** So many commands are remembered that nobody waits for any more, and that may yet be answered or refused. */
const MAX_LEFT = 1_000;

/** Commands with their replies, and streams of events, over one connection. */
export class Bus implements Owner {
  readonly #contract: Contract;
  readonly #options: ConnectionOptions;
  readonly connection: Connection;
  readonly probe: Owner["probe"];
  readonly notices = new Emitter<Notices>();
  readonly #commands = new Map<unknown, Command>();
  readonly #started = new Map<string, Started>();
  readonly #feeds = new Set<{ kinds: readonly string[]; raw: boolean | undefined; subscription: Subscription<any> }>();
  /** The streams that were ever asked for: of others there is no news. */
  readonly #streams = new Set<Stream>();
  readonly #heard = (): unknown => this.connection.heard;
  #count = 0;

  constructor(contract: Contract, options: ConnectionOptions) {
    const { probe } = contract;
    this.#contract = contract;
    this.#options = options;
    this.probe = probe && (() => this.request({ ...probe.frame }, probe.replies));
    this.connection = new Connection(options, this);
  }

  /** Send a frame, and resolve with its reply: one of the kinds in `replies`. Without any, resolve when it is sent. */
  request(frame: Frame, replies: readonly string[], options: CommandOptions = {}): Promise<any> {
    return new Promise((resolve, reject) => this.#command(frame, replies, options, resolve, reject));
  }

  /** Start a stream with `frame`; `stop` is the frame that ends it. */
  subscribe(stream: Stream, frame: Frame, stop: Frame | undefined, stops: readonly string[], options: StreamOptions): Subscription<any> {
    const key = frame[stream.key];
    const id = `${stream.event} ${shown(key)}`;
    if (this.#started.has(id)) throw new AlreadySubscribedError(`this client is subscribed to ${shown(key)} already`);
    const subscription = this.#subscription(key, options, async () => {
      this.#forget(id);
      if (!stop || started.state === "idle" || this.connection.state !== "connected") return;
      // The subscription is over for us whatever the answer.
      await this.request(stop, stops, { timeout: options.timeout }).catch(() => {});
    });
    const started: Started = { subscription, stream, frame, key, options, state: "idle", accepted: false, attempt: 0 };
    this.#started.set(id, started);
    this.#streams.add(stream);
    this.#start(id, started);
    return subscription;
  }

  /** Frames of the given kinds that the server sends unasked. */
  feed(kinds: readonly string[], options: SubscriptionOptions): Subscription<any> {
    const subscription = this.#subscription(kinds.join(" or "), options, async () => void this.#feeds.delete(entry));
    const entry = { kinds, raw: options.raw, subscription };
    this.#feeds.add(entry);
    subscription.accepted();
    return subscription;
  }

  #subscription(key: unknown, options: SubscriptionOptions, stop: () => Promise<void>): Subscription<any> {
    const dropped = (count: number): void => this.#dropped({ key, count, by: "client" });
    const unseen = (error: Error): void => this.#warn(`the subscription to ${shown(key)} ended: ${error.message}`);
    return new Subscription({ stop, dropped, unseen }, options);
  }

  #command(frame: Frame, replies: readonly string[], options: CommandOptions, resolve: (reply: any) => void, reject: (error: Error) => void): Command | undefined {
    const { signal, timeout = this.#options.timeout } = options;
    if (signal?.aborted || this.connection.state === "closed") {
      reject(signal?.aborted ? signal.reason : new ClosedError("the client is not connected: call connect() first"));
      return undefined;
    }
    const { correlation } = this.#contract;
    const number = ++this.#count;
    const id = !correlation || correlation.kind === "integer" ? number : correlation.kind === "uuid" ? uuid() : `${number}`;
    if (correlation) put(frame, correlation.path, id);
    const stop = (): void => {
      cancel();
      signal?.removeEventListener("abort", abort);
    };
    const settle = (): void => {
      stop();
      this.#commands.delete(id);
    };
    const leave = (): void => {
      stop();
      if (!command.sent) return settle();
      // What answers or refuses it may still come, and must not be taken for that of another command.
      command.done = command.failed = settle;
      command.text = "";
      const left = [...this.#commands].filter(([, { text }]) => !text);
      if (correlation && left.length > MAX_LEFT) this.#commands.delete(left[0]![0]);
    };
    const abort = (): void => (leave(), reject(signal?.reason));
    const command: Command = {
      text: JSON.stringify(frame),
      request: frame,
      replies,
      sent: false,
      done: (reply) => (settle(), resolve(reply)),
      failed: (error) => (settle(), reject(error)),
      unanswered: () => (correlation ? leave() : settle(), resolve(undefined)),
    };
    const cancel = deadline(timeout, this.#heard, () => {
      const doing = command.sent ? "no answer" : "no connection, and nothing was sent,";
      leave();
      reject(new TimeoutError(`${doing} in ${timeout} ms`, command.sent));
    });
    signal?.addEventListener("abort", abort);
    this.#commands.set(id, command);
    if (this.connection.state === "connected") this.#send(command);
    return command;
  }

  #send(command: Command): void {
    command.sent = true;
    this.connection.send(command.text);
    if (!command.replies.length) command.unanswered();
  }

  #inFlight(): Command[] {
    return [...this.#commands.values()].filter(({ sent }) => sent);
  }

  #start(id: string, started: Started): void {
    const { subscription, stream, frame, key, options } = started;
    started.state = "asked";
    started.cancel?.();
    const done = (): void => {
      if (this.#started.get(id) !== started) return;
      started.state = "active";
      started.attempt = 0;
      for (const field of stream.once) delete frame[field];
      if (started.accepted) {
        this.#tell("resubscribed", { key }, `resubscribed to ${shown(key)}; events published in between may be missed`);
      }
      started.accepted = true;
      subscription.accepted();
    };
    const failed = (error: Error): void => {
      if (this.#started.get(id) !== started) return;
      const { accepted } = started;
      const late = error instanceof TimeoutError;
      // One that is late may yet be accepted: the server is told to stop it.
      if (!late || accepted) started.state = "idle";
      if (error instanceof UnknownOutcomeError) {
        // Resent on the next connection. Who waits for its first reply must not do so for ever.
        const { timeout = this.#options.timeout } = options;
        if (!accepted) started.cancel = deadline(timeout, this.#heard, () => failed(new TimeoutError(`no answer in ${timeout} ms`, true)));
      } else if (accepted && late) {
        this.connection.restart("a subscription was not answered");
      } else if (accepted && options.retry && error instanceof ReplyError && !REFUSALS[error.code]) {
        const delay = pause(this.#options, started.attempt++);
        started.cancel = deadline(delay, () => 0, () => this.connection.state === "connected" && this.#start(id, started));
        this.#tell("refused", { key, error, delay }, `${shown(key)} was refused and is tried again: ${error.message}`);
      } else {
        void subscription.leave(error);
      }
    };
    started.command = this.#command(frame, stream.replies, { timeout: options.timeout }, done, failed);
  }

  #forget(id: string): void {
    const { cancel, command } = this.#started.get(id) ?? {};
    this.#started.delete(id);
    cancel?.();
    if (command && !command.sent) command.failed(new ClosedError("the subscription was closed"));
  }

  opened(): void {
    // Subscriptions first, so that they get what the commands after them publish.
    for (const [id, started] of this.#started) if (started.state === "idle") this.#start(id, started);
    for (const command of this.#commands.values()) if (!command.sent) this.#send(command);
  }

  broken(reason: string, code: number): void {
    const sent = this.#inFlight();
    const sizes = code === TOO_BIG ? sent.map(({ text }) => (text ? new TextEncoder().encode(text).length : Infinity)) : [];
    // The largest of all is no smaller than the one that was too big, and so was not taken either.
    const largest = sizes.reduce((most, size) => (size > most ? size : most), 0);
    sent.forEach(({ request, failed }, index) =>
      failed(
        REFUSALS[code] && (sent.length === 1 || sizes[index] === largest)
          ? new ReplyError(`the frame was refused: ${REFUSALS[code]} (${reason})`, `${code}`, request, { code, reason })
          : new UnknownOutcomeError(`the connection broke while an answer was due: ${reason}`, request),
      ),
    );
    for (const started of this.#started.values()) started.state = "idle";
  }

  changed(change: StateNotice): void {
    if (change.state === "closed") {
      for (const { subscription } of [...this.#started.values(), ...this.#feeds]) void subscription.leave();
      const reason = `the client was closed: ${change.reason}`;
      for (const { sent, request, failed } of this.#commands.values()) {
        failed(sent ? new UnknownOutcomeError(reason, request) : new ClosedError(reason));
      }
    }
    const { state, reason, attempt, delay } = change;
    const line = state === "reconnecting" && `${reason}; attempt ${attempt} to reconnect in ${Math.round(delay)} ms`;
    this.#tell("state", change, line);
  }

  received(text: string): void {
    let frame: any;
    try {
      frame = JSON.parse(text);
    } catch {
      // Told below.
    }
    const kind =
      frame instanceof Object &&
      this.#contract.kinds.find(
        ({ constants, required }) =>
          Object.entries(constants).every(([name, value]) => frame[name] === value) && required.every((name) => name in frame),
      )?.name;
    if (!kind) return this.#warn(`a frame that is not in the contract came: ${`${text}`.slice(0, 200)}`);
    if (this.#answered(kind, frame)) return;
    let taken = false;
    for (const [id, started] of this.#started) taken = this.#streamed(kind, frame, text, id, started) || taken;
    for (const { kinds, raw, subscription } of this.#feeds) {
      if (!kinds.includes(kind)) continue;
      subscription.push(raw ? text : frame);
      taken = true;
    }
    if (!taken && Object.hasOwn(this.#contract.refusals, kind)) this.#warn(`the server says: ${this.#refusal(kind, frame, undefined).message}`);
  }

  /** Hand `frame` to the command that it answers; returns whether there is one. */
  #answered(kind: string, frame: Frame): boolean {
    const { correlation, refusals } = this.#contract;
    const refusal = Object.hasOwn(refusals, kind) ? refusals[kind] : undefined;
    const answers = ({ replies }: Command): boolean => !!refusal || replies.includes(kind);
    const id = correlation && at(frame, correlation.path);
    let command: Command | undefined;
    if (id != null) command = this.#commands.get(id);
    else if (this.#isNews(kind, frame)) return false;
    else if (!correlation) command = this.#inFlight().find(answers);
    // A server cannot repeat the id of what it could not read.
    else if (refusal && !refusal.unasked && this.#inFlight().length === 1) command = this.#inFlight()[0];
    if (!command?.sent) return false;
    if (refusal) command.failed(this.#refusal(kind, frame, command.request));
    else if (answers(command)) command.done(frame);
    else if ([...this.#streams].some(({ event }) => event === kind)) return false;
    else command.failed(new InvalidReplyError(`${kind} is no answer to this command`));
    return true;
  }

  /** Hand `frame` to a subscription if it is for it; returns whether it was. */
  #streamed(kind: string, frame: Frame, text: string, id: string, started: Started): boolean {
    const { subscription, stream, key, options } = started;
    if (started.state !== "active" || frame[stream.key] !== key) return false;
    if (kind === stream.event) {
      subscription.push(options.raw ? text : frame);
    } else if (matches(stream.ended, kind, frame)) {
      this.#forget(id);
      subscription.end(new SubscriptionEnded(`the server ended the subscription to ${shown(key)}`, key, frame));
    } else if (matches(stream.dropped, kind, frame)) {
      const count = (stream.dropped?.count && at(frame, stream.dropped.count)) ?? 1;
      subscription.dropped.server += count;
      this.#dropped({ key, count, by: "server" });
    } else {
      return false;
    }
    return true;
  }

  /** Whether `frame` tells of what became of a stream, and so answers nothing. */
  #isNews(kind: string, frame: Frame): boolean {
    return [...this.#streams].some(({ dropped, ended }) => matches(dropped, kind, frame) || matches(ended, kind, frame));
  }

  #refusal(kind: string, frame: Frame, request: unknown): ReplyError {
    const { code, text } = this.#contract.refusals[kind]!;
    const words = text && at(frame, text);
    return new ReplyError(words ?? JSON.stringify(frame), (code && at(frame, code)) ?? kind, request, frame);
  }

  #dropped(notice: DroppedNotice): void {
    this.#tell("dropped", notice, `${notice.count} events of ${shown(notice.key)} were dropped by the ${notice.by}`);
  }

  /** Hand a notice to its callbacks, or log `line` if there is none. */
  #tell<Name extends keyof Notices>(name: Name, notice: Notices[Name], line: string | false): void {
    if (!this.notices.emit(name, notice) && line) this.#warn(line);
  }

  #warn(line: string): void {
    console.warn(`${this.#contract.name}: ${line}`);
  }
}

function matches(match: Match | undefined, kind: string, frame: Frame): boolean {
  return kind === match?.kind && match.where.every(([path, value]) => at(frame, path) === value);
}

function shown(key: unknown): string {
  return JSON.stringify(key);
}
