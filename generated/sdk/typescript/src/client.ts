// Written by `specbus sdk typescript`. Do not edit.

import { type ClientOptions, SocketClient } from "./base.js";
import type { CommandOptions, StreamOptions } from "./bus.js";
import { type Contract, type Credential, type Stream, uuid } from "./contract.js";
import type { RequestOptions, Rest } from "./rest.js";
import type { Subscription } from "./subscription.js";
import type * as types from "./types.js";

const credential: Credential | undefined = { place: "header", name: "X-API-Key", prefix: "" };
const contract: Contract = {
  name: "specbus-client",
  address: "/ws",
  kinds: [
    { name: "Ack", constants: { type: "ack" }, required: [] },
    { name: "Event", constants: { type: "event" }, required: [] },
    { name: "Info", constants: { type: "info" }, required: [] },
    { name: "Error", constants: { type: "error" }, required: [] },
    { name: "Pong", constants: { type: "pong" }, required: [] },
  ],
  refusals: { Error: { code: ["error", "code"], text: ["error", "message"] } },
  correlation: { path: ["request_id"], kind: "text" },
  probe: { frame: { type: "ping" }, replies: ["Pong"] },
};
const SUBSCRIBE: Stream = {
  key: "topic",
  event: "Event",
  replies: ["Ack"],
  once: ["last_n"],
  ended: { kind: "Info", where: [[["msg"], "topic_deleted"]] },
  dropped: { kind: "Error", where: [[["error", "code"], "SLOW_CONSUMER"]], count: ["error", "dropped"] },
};

/** Options of the frame `Publish`, answered by `Ack`. */
export interface PublishOptions extends CommandOptions {
  /**
   * The message's identity, a UUID (RFC 9562) that the publisher chooses. The service hands it on and does not
   * look for repeats: a publisher that tries again with the same id lets its subscribers tell the copies. A new
   * one unless given.
   */
  id?: types.MessageId | undefined;
}

/** Options of the frame `Subscribe`, answered by `Ack`. */
export interface SubscribeOptions extends StreamOptions {
  /**
   * An opaque label of the subscriber, for people who read logs. Many connections may use the same one; it grants
   * nothing and groups nothing. The client's own label unless given.
   */
  clientId?: types.ClientId | undefined;
  /**
   * Replay that many of the newest retained messages first, oldest first. More than there are is not an error: all
   * retained ones are replayed.
   */
  lastN?: number | undefined;
}

/** Options of `GET /topics/{name}/messages`. */
export interface MessagesGetOptions extends RequestOptions {
  /** At most that many of the newest. All retained ones when absent. */
  lastN?: number | undefined;
}

/** Options of `POST /topics/{name}/messages`. */
export interface MessagesPublishOptions extends RequestOptions {
  /**
   * The message's identity, a UUID (RFC 9562) that the publisher chooses. The service hands it on and does not
   * look for repeats: a publisher that tries again with the same id lets its subscribers tell the copies. A new
   * one unless given.
   */
  id?: types.MessageId | undefined;
}

/** Create, read and delete topics. */
export class TopicsRequests {
  readonly #rest: Rest;

  /** @internal */
  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /**
   * List topics
   *
   * All topics with the number of their subscribers, in the order of their creation.
   */
  list(options: RequestOptions = {}): Promise<types.TopicList> {
    return this.#rest.request("GET", "/topics", {}, options);
  }

  /**
   * Create a topic
   *
   * Creates an empty topic. Publishing or subscribing to a topic that does not exist never creates it: this does.
   *
   * @param name - The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`.
   * Names are case-sensitive. The name stands in URLs as it is.
   */
  create(name: types.TopicName, options: RequestOptions = {}): Promise<types.TopicCreated> {
    return this.#rest.request("POST", "/topics", { body: { name } }, options);
  }

  /**
   * One topic's numbers
   *
   * The topic and its counts since it was created.
   *
   * @param name - The topic's name.
   */
  get(name: types.TopicName, options: RequestOptions = {}): Promise<types.TopicDetail> {
    return this.#rest.request("GET", "/topics/{name}", { path: { name } }, options);
  }

  /**
   * Delete a topic
   *
   * Deletes the topic and what it retains. Each subscriber gets what was published before, then the
   * `topic_deleted` info, and is unsubscribed; its connection stays open.
   *
   * @param name - The topic's name.
   */
  delete(name: types.TopicName, options: RequestOptions = {}): Promise<types.TopicDeleted> {
    return this.#rest.request("DELETE", "/topics/{name}", { path: { name } }, options);
  }
}

/** Publish, and read what is retained. */
export class MessagesRequests {
  readonly #rest: Rest;

  /** @internal */
  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /**
   * Read retained messages
   *
   * The newest messages that the topic retains, oldest first, each as the event that its subscribers received.
   * Reading takes nothing away.
   *
   * @param name - The topic's name.
   */
  get(name: types.TopicName, options: MessagesGetOptions = {}): Promise<types.RetainedEvents> {
    return this.#rest.request(
      "GET",
      "/topics/{name}/messages",
      { path: { name }, query: { last_n: options.lastN } },
      options,
    );
  }

  /**
   * Publish a message
   *
   * Publishes over HTTP, for a program without a socket. The same validation, order and counters as a `publish`
   * frame; the payload reaches subscribers byte for byte. The answer follows the topic's taking the message.
   *
   * @param name - The topic's name.
   * @param payload - Any JSON value, `null`, a string and a bare number included.
   */
  publish(
    name: types.TopicName,
    payload: unknown,
    options: MessagesPublishOptions = {},
  ): Promise<types.PublishAccepted> {
    return this.#rest.request(
      "POST",
      "/topics/{name}/messages",
      { path: { name }, body: { payload, id: options.id ?? uuid() } },
      options,
    );
  }
}

/** The service itself: its state and its contract. */
export class ServiceRequests {
  readonly #rest: Rest;

  /** @internal */
  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /**
   * What is where
   *
   * The paths of this service, by what they hold. A browser, or whoever else would rather have HTML than JSON by
   * its `Accept`, gets a page instead that leads to the references and the console (unless the service was started
   * without them); that page needs no key.
   */
  index(options: RequestOptions = {}): Promise<types.Index> {
    return this.#rest.request("GET", "/", {}, options);
  }

  /**
   * Is it up?
   *
   * Answers as long as the service works. Needs no credentials, so that a load balancer can ask.
   */
  health(options: RequestOptions = {}): Promise<types.Health> {
    return this.#rest.request("GET", "/health", {}, options);
  }

  /**
   * The numbers of every topic
   *
   * Counts since each topic was created. For one topic, read `/topics/{name}`.
   */
  stats(options: RequestOptions = {}): Promise<types.Stats> {
    return this.#rest.request("GET", "/stats", {}, options);
  }

  /**
   * This document
   *
   * The OpenAPI document that the service runs from, in one file, with the names of its schemas.
   */
  openapi(options: RequestOptions = {}): Promise<Record<string, unknown>> {
    return this.#rest.request("GET", "/openapi.json", {}, options);
  }

  /**
   * The WebSocket's document
   *
   * The AsyncAPI document that the service runs from, in one file, with the names of its schemas.
   */
  asyncapi(options: RequestOptions = {}): Promise<Record<string, unknown>> {
    return this.#rest.request("GET", "/asyncapi.json", {}, options);
  }
}

/** A client of Specbus WebSocket API. */
export class Client extends SocketClient {
  /** Create, read and delete topics. */
  readonly topics: TopicsRequests;
  /** Publish, and read what is retained. */
  readonly messages: MessagesRequests;
  /** The service itself: its state and its contract. */
  readonly service: ServiceRequests;

  /**
   * `url` is where the service is, `http://…` or `ws://…`; call `connect()` before sending commands.
   */
  constructor(url: string, options: ClientOptions = {}) {
    super(url, options, credential, contract);
    this.topics = new TopicsRequests(this._rest);
    this.messages = new MessagesRequests(this._rest);
    this.service = new ServiceRequests(this._rest);
  }

  /**
   * Publish a message on a topic.
   *
   * The ack follows the topic's taking the message, which fixes its place in the order and puts it among the
   * retained ones. A topic that does not exist gives `TOPIC_NOT_FOUND` and is not created. A publisher need not be
   * subscribed.
   *
   * @param topic - The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or
   * `_`. Names are case-sensitive. The name stands in URLs as it is.
   * @param payload - Any JSON value, `null`, a string and a bare number included.
   */
  publish(topic: types.TopicName, payload: unknown, options: PublishOptions = {}): Promise<types.Ack> {
    return this._bus.request(
      { type: "publish", topic, message: { payload, id: options.id ?? uuid() } },
      ["Ack"],
      options,
    );
  }

  /**
   * Ask whether the service is there.
   *
   * Answered at once with a `pong`. It is no substitute for the pings of WebSocket itself, which need no code of
   * yours.
   */
  ping(options: CommandOptions = {}): Promise<types.Pong> {
    return this._bus.request({ type: "ping" }, ["Pong"], options);
  }

  /**
   * Ask for a topic's events.
   *
   * The ack comes first, then with `last_n` the newest retained messages, oldest first, then live events, with
   * none missing and none twice at the seam. A connection has one subscription for each topic: a second subscribe
   * is acknowledged and does not double delivery; a `last_n` on it replays again. A topic that does not exist
   * gives `TOPIC_NOT_FOUND`.
   *
   * @param topic - The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or
   * `_`. Names are case-sensitive. The name stands in URLs as it is.
   */
  subscribe(topic: types.TopicName, options: SubscribeOptions & { raw: true }): Subscription<string>;
  /**
   * Ask for a topic's events.
   *
   * The ack comes first, then with `last_n` the newest retained messages, oldest first, then live events, with
   * none missing and none twice at the seam. A connection has one subscription for each topic: a second subscribe
   * is acknowledged and does not double delivery; a `last_n` on it replays again. A topic that does not exist
   * gives `TOPIC_NOT_FOUND`.
   *
   * @param topic - The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or
   * `_`. Names are case-sensitive. The name stands in URLs as it is.
   */
  subscribe(
    topic: types.TopicName,
    options?: SubscribeOptions & { raw?: false | undefined },
  ): Subscription<types.Event>;
  subscribe(topic: types.TopicName, options: SubscribeOptions = {}): Subscription<any> {
    return this._bus.subscribe(
      SUBSCRIBE,
      { type: "subscribe", topic, client_id: options.clientId ?? this.clientId, last_n: options.lastN },
      { type: "unsubscribe", topic, client_id: options.clientId ?? this.clientId },
      ["Ack"],
      options,
    );
  }
}
