export class ClientError extends Error {
constructor(message, options) {
super(message, options);
this.name = new.target.name;
}
}
export class ConnectError extends ClientError {
}
export class ClosedError extends ClientError {
}
export class AlreadySubscribedError extends ClientError {
}
export class TimeoutError extends ClientError {
sent;
constructor(message, sent) {
super(message);
this.sent = sent;
}
}
export class UnknownOutcomeError extends ClientError {
request;
constructor(message, request) {
super(message);
this.request = request;
}
}
export class ReplyError extends ClientError {
code;
request;
reply;
constructor(message, code, request, reply) {
super(message);
this.code = code;
this.request = request;
this.reply = reply;
}
}
export class SubscriptionEnded extends ClientError {
key;
frame;
constructor(message, key, frame) {
super(message);
this.key = key;
this.frame = frame;
}
}
export class ProblemError extends ClientError {
status;
type;
title;
detail;
body;
constructor(status, type, title, detail, body) {
super(detail || title);
this.status = status;
this.type = type;
this.title = title;
this.detail = detail;
this.body = body;
}
}
