// Written by `specbus sdk typescript`. Do not edit.

/**
 * An opaque string that the client chooses. It comes back on the `ack`, `error` or `pong` that answers the frame, and is absent there when the frame had none.
 */
export type RequestId = string;
/**
 * The name of a topic: letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`. Names are case-sensitive. The name stands in URLs as it is.
 */
export type TopicName = string;
/**
 * An opaque name for a time in which a topic's offsets grow without a break. It changes whenever continuity cannot be vouched for: when a topic is created anew, under an older one's name too, and when the service starts anew.
 */
export type Epoch = string;
/**
 * A message's place in its topic's order. It grows from message to message within an epoch, and is not promised to do so without gaps. 0 is before the first message.
 */
export type Offset = number;
/**
 * The server's clock when it made this, RFC 3339 in UTC, ending in `Z`.
 */
export type Timestamp = string;
/**
 * An opaque label of the subscriber, for people who read logs. Many connections may use the same one; it grants nothing and groups nothing.
 */
export type ClientId = string;
/**
 * `BAD_REQUEST`: the frame breaks the contract. `TOPIC_NOT_FOUND`: the topic does not exist; nothing was created. `SLOW_CONSUMER`: messages were dropped because this connection did not read fast enough. `UNAUTHORIZED`: credentials are missing or wrong. `LIMIT_EXCEEDED`: a limit of the service would be passed, for instance subscriptions per connection. `INTERNAL`: the service failed; the frame may or may not have taken effect.
 */
export type ErrorCode =
  "BAD_REQUEST" | "TOPIC_NOT_FOUND" | "SLOW_CONSUMER" | "UNAUTHORIZED" | "LIMIT_EXCEEDED" | "INTERNAL";
/**
 * The message's identity, a UUID (RFC 9562) that the publisher chooses. The service hands it on and does not look for repeats: a publisher that tries again with the same id lets its subscribers tell the copies.
 */
export type MessageId = string;
/**
 * What happened.
 */
export type InfoMessage = "ping" | "topic_deleted";

/**
 * The command was carried out. For a publish, the topic has taken the message and given it its place in the order, which is `position`. For a subscribe, `position` is where the topic is: all events with a greater offset follow, and of those before only what `last_n` asked for. An unsubscribe has none.
 */
export interface Ack {
  type: "ack";
  request_id?: RequestId;
  topic: TopicName;
  status: "ok";
  position?: Position;
  ts: Timestamp;
}
/**
 * A place in a topic's order. Two positions can be compared only within one epoch.
 */
export interface Position {
  epoch: Epoch;
  offset: Offset;
}
/**
 * A frame of the client's was refused, or messages for it were dropped. The connection stays open, unless the overflow policy is `disconnect`.
 */
export interface Error {
  type: "error";
  request_id?: RequestId;
  topic?: TopicName;
  error: ErrorDetail;
  ts: Timestamp;
}
/**
 * What went wrong.
 */
export interface ErrorDetail {
  code: ErrorCode;
  /**
   * What went wrong, for a person. It names the field and the rule where a frame broke the contract.
   */
  message: string;
  /**
   * With `SLOW_CONSUMER`, how many messages of the topic were dropped since the subscriber was last told.
   */
  dropped?: number;
}
/**
 * A message as the topic's subscribers receive it.
 */
export interface Event {
  type: "event";
  topic: TopicName;
  message: Message;
  offset: Offset;
  ts: Timestamp;
}
/**
 * What is published: an id and any JSON value. The message reaches every subscriber as the very text that the publisher sent, byte for byte: numbers keep their digits, objects their key order and repeated keys, strings their escapes. A payload may be nested up to 126 levels deep.
 */
export interface Message {
  id: MessageId;
  /**
   * Any JSON value, `null`, a string and a bare number included.
   */
  payload: unknown;
}
/**
 * The service is up and answers.
 */
export interface Health {
  /**
   * Whole seconds since the start.
   */
  uptime_sec: number;
  /**
   * Topics that exist.
   */
  topics: number;
  /**
   * Subscriptions over all topics; a connection with two topics counts twice.
   */
  subscribers: number;
  /**
   * Open WebSocket connections.
   */
  connections: number;
}
/**
 * What is where.
 */
export interface Index {
  name: "specbus";
  /**
   * The service's version.
   */
  version: string;
  /**
   * Paths by what they hold.
   */
  links: {
    [k: string]: string;
  };
}
/**
 * Something the client did not ask for. `ping`: the heartbeat; needs no answer. `topic_deleted`: the topic named in `topic` is gone and this connection is no longer subscribed to it; no event of it follows.
 */
export interface Info {
  type: "info";
  topic?: TopicName;
  msg: InfoMessage;
  ts: Timestamp;
}
/**
 * A topic to create.
 */
export interface NewTopic {
  name: TopicName;
}
/**
 * Ask whether the service is there.
 */
export interface Ping {
  type: "ping";
  request_id?: RequestId;
}
/**
 * The answer to a `ping` frame.
 */
export interface Pong {
  type: "pong";
  request_id?: RequestId;
  ts: Timestamp;
}
/**
 * A problem document (RFC 9457).
 */
export interface Problem {
  /**
   * The kind of problem. `about:blank` where the status says it all.
   */
  type:
    | "about:blank"
    | "urn:specbus:problem:topic-exists"
    | "urn:specbus:problem:topic-limit"
    | "urn:specbus:problem:topic-not-found";
  /**
   * The kind of problem in a few words.
   */
  title: string;
  /**
   * The HTTP status.
   */
  status: number;
  /**
   * What went wrong this time, for a person.
   */
  detail: string;
}
/**
 * Publish a message on a topic.
 */
export interface Publish {
  type: "publish";
  topic: TopicName;
  message: Message;
  request_id?: RequestId;
}
/**
 * The topic has taken the message and given it its place in the order; delivery follows.
 */
export interface PublishAccepted {
  status: "accepted";
  topic: TopicName;
  id: MessageId;
  position: Position;
}
/**
 * Retained messages of a topic, oldest first, each as the event its subscribers received.
 */
export interface RetainedEvents {
  topic: TopicName;
  events: Event[];
}
/**
 * The numbers of every topic, by name, since each was created.
 */
export interface Stats {
  topics: {
    [k: string]: TopicStats;
  };
}
/**
 * A topic's numbers since it was created.
 */
export interface TopicStats {
  /**
   * Messages the topic has taken.
   */
  messages: number;
  /**
   * Connections subscribed to the topic now.
   */
  subscribers: number;
  /**
   * Events handed to subscribers' connections, replayed ones included. Handed over is not received: a connection that breaks loses what was on its way.
   */
  delivered: number;
  /**
   * Events dropped because a subscriber's queue was full.
   */
  dropped: number;
  /**
   * Messages kept for replay now.
   */
  retained: number;
  /**
   * Messages no longer kept because of their bytes, though their number would allow it.
   */
  evicted?: number;
}
/**
 * Ask for the events of a topic.
 */
export interface Subscribe {
  type: "subscribe";
  topic: TopicName;
  client_id: ClientId;
  /**
   * Replay that many of the newest retained messages first, oldest first. More than there are is not an error: all retained ones are replayed.
   */
  last_n?: number;
  request_id?: RequestId;
}
/**
 * The topic exists now.
 */
export interface TopicCreated {
  status: "created";
  topic: TopicName;
}
/**
 * The topic is gone, with the messages it retained.
 */
export interface TopicDeleted {
  status: "deleted";
  topic: TopicName;
}
/**
 * One topic and its numbers since it was created.
 */
export interface TopicDetail {
  name: TopicName;
  /**
   * Messages the topic has taken.
   */
  messages: number;
  /**
   * Connections subscribed to the topic now.
   */
  subscribers: number;
  /**
   * Events handed to subscribers' connections, replayed ones included.
   */
  delivered: number;
  /**
   * Events dropped because a subscriber's queue was full.
   */
  dropped: number;
  /**
   * Messages kept for replay now.
   */
  retained: number;
  /**
   * Messages no longer kept because of their bytes, though their number would allow it.
   */
  evicted?: number;
}
/**
 * All topics, in the order of their creation.
 */
export interface TopicList {
  topics: TopicSummary[];
}
/**
 * A topic in the list.
 */
export interface TopicSummary {
  name: TopicName;
  /**
   * Connections subscribed to the topic now.
   */
  subscribers: number;
}
/**
 * Ask for no more events of a topic.
 */
export interface Unsubscribe {
  type: "unsubscribe";
  topic: TopicName;
  client_id: ClientId;
  request_id?: RequestId;
}
