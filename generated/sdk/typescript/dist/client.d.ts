import { type ClientOptions, SocketClient } from "./base.js";
import type { CommandOptions, StreamOptions } from "./bus.js";
import type { RequestOptions } from "./rest.js";
import type { Subscription } from "./subscription.js";
import type * as types from "./types.js";
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
export declare class TopicsRequests {
    #private;
    /**
     * List topics
     *
     * All topics with the number of their subscribers, in the order of their creation.
     */
    list(options?: RequestOptions): Promise<types.TopicList>;
    /**
     * Create a topic
     *
     * Creates an empty topic. Publishing or subscribing to a topic that does not exist never creates it: this does.
     *
     * @param name - The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`.
     * Names are case-sensitive. The name stands in URLs as it is.
     */
    create(name: types.TopicName, options?: RequestOptions): Promise<types.TopicCreated>;
    /**
     * One topic's numbers
     *
     * The topic and its counts since it was created.
     *
     * @param name - The topic's name.
     */
    get(name: types.TopicName, options?: RequestOptions): Promise<types.TopicDetail>;
    /**
     * Delete a topic
     *
     * Deletes the topic and what it retains. Each subscriber gets what was published before, then the
     * `topic_deleted` info, and is unsubscribed; its connection stays open.
     *
     * @param name - The topic's name.
     */
    delete(name: types.TopicName, options?: RequestOptions): Promise<types.TopicDeleted>;
}
/** Publish, and read what is retained. */
export declare class MessagesRequests {
    #private;
    /**
     * Read retained messages
     *
     * The newest messages that the topic retains, oldest first, each as the event that its subscribers received.
     * Reading takes nothing away.
     *
     * @param name - The topic's name.
     */
    get(name: types.TopicName, options?: MessagesGetOptions): Promise<types.RetainedEvents>;
    /**
     * Publish a message
     *
     * Publishes over HTTP, for a program without a socket. The same validation, order and counters as a `publish`
     * frame; the payload reaches subscribers byte for byte. The answer follows the topic's taking the message.
     *
     * @param name - The topic's name.
     * @param payload - Any JSON value, `null`, a string and a bare number included.
     */
    publish(name: types.TopicName, payload: unknown, options?: MessagesPublishOptions): Promise<types.PublishAccepted>;
}
/** The service itself: its state and its contract. */
export declare class ServiceRequests {
    #private;
    /**
     * What is where
     *
     * The paths of this service, by what they hold. A browser, or whoever else would rather have HTML than JSON by
     * its `Accept`, gets a page instead that leads to the references and the console (unless the service was started
     * without them); that page needs no key.
     */
    index(options?: RequestOptions): Promise<types.Index>;
    /**
     * Is it up?
     *
     * Answers as long as the service works. Needs no credentials, so that a load balancer can ask.
     */
    health(options?: RequestOptions): Promise<types.Health>;
    /**
     * The numbers of every topic
     *
     * Counts since each topic was created. For one topic, read `/topics/{name}`.
     */
    stats(options?: RequestOptions): Promise<types.Stats>;
    /**
     * This document
     *
     * The OpenAPI document that the service runs from, in one file, with the names of its schemas.
     */
    openapi(options?: RequestOptions): Promise<Record<string, unknown>>;
    /**
     * The WebSocket's document
     *
     * The AsyncAPI document that the service runs from, in one file, with the names of its schemas.
     */
    asyncapi(options?: RequestOptions): Promise<Record<string, unknown>>;
}
/** A client of Specbus WebSocket API. */
export declare class Client extends SocketClient {
    /** Create, read and delete topics. */
    readonly topics: TopicsRequests;
    /** Publish, and read what is retained. */
    readonly messages: MessagesRequests;
    /** The service itself: its state and its contract. */
    readonly service: ServiceRequests;
    /**
     * `url` is where the service is, `http://…` or `ws://…`; call `connect()` before sending commands.
     */
    constructor(url: string, options?: ClientOptions);
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
    publish(topic: types.TopicName, payload: unknown, options?: PublishOptions): Promise<types.Ack>;
    /**
     * Ask whether the service is there.
     *
     * Answered at once with a `pong`. It is no substitute for the pings of WebSocket itself, which need no code of
     * yours.
     */
    ping(options?: CommandOptions): Promise<types.Pong>;
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
    subscribe(topic: types.TopicName, options: SubscribeOptions & {
        raw: true;
    }): Subscription<string>;
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
    subscribe(topic: types.TopicName, options?: SubscribeOptions & {
        raw?: false | undefined;
    }): Subscription<types.Event>;
}
