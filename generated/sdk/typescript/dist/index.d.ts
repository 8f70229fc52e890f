export { Client } from "./client.js";
export type { MessagesGetOptions, MessagesPublishOptions, PublishOptions, SubscribeOptions } from "./client.js";
export type { ClientOptions } from "./base.js";
export type { CommandOptions, DroppedNotice, Notices, RefusedNotice, ResubscribedNotice, StreamOptions, } from "./bus.js";
export type { State, StateNotice, WebSocketClass, WebSocketLike } from "./connection.js";
export { Subscription, type SubscriptionOptions } from "./subscription.js";
export type { RequestOptions } from "./rest.js";
export { AlreadySubscribedError, ClosedError, InvalidReplyError, ReplyError, SubscriptionEnded, UnknownOutcomeError, ClientError, ConnectError, ProblemError, TimeoutError, } from "./errors.js";
export type * from "./types.js";
