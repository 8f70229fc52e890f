/** What can go wrong. Every error of the client is a `ClientError`, but for an aborted `AbortSignal`'s own reason. */
export class ClientError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The server could not be reached. Nothing was sent. */
export class ConnectError extends ClientError {}

/** The client is closed, or `connect()` was not called. Nothing was sent. */
export class ClosedError extends ClientError {}

/** This client has that subscription already. Another client can have it too. */
export class AlreadySubscribedError extends ClientError {}

/** No answer came in time. Where `sent` is true, what was asked for may or may not have been done. */
export class TimeoutError extends ClientError {
  constructor(
    message: string,
    /** Whether the request had left the client. */
    readonly sent: boolean,
  ) {
    super(message);
  }
}

/** The connection broke while an answer was due: what was asked for may or may not have been done. It is not sent again. */
export class UnknownOutcomeError extends ClientError {
  constructor(
    message: string,
    /** The frame that was sent. */
    readonly request: unknown,
  ) {
    super(message);
  }
}

/** The server refused a frame. `message` says why, in the server's words. */
export class ReplyError extends ClientError {
  constructor(
    message: string,
    /** The kind of error, as the server names it. */
    readonly code: string,
    /** The frame that was refused. */
    readonly request: unknown,
    /** The whole answer. */
    readonly reply: unknown,
  ) {
    super(message);
  }
}

/** The server ended a subscription. What it had sent before was handed out first. */
export class SubscriptionEnded extends ClientError {
  constructor(
    message: string,
    /** What was subscribed to. */
    readonly key: unknown,
    /** The frame that ended it. */
    readonly frame: unknown,
  ) {
    super(message);
  }
}

/** An HTTP request was refused. The fields are those of the problem document (RFC 9457) that answered it. */
export class ProblemError extends ClientError {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** The kind of problem, a URI; `about:blank` where the status says it all. */
    readonly type: string,
    /** The kind of problem in a few words. */
    readonly title: string,
    /** What went wrong this time, in the server's words. */
    readonly detail: string,
    /** The body of the answer; a text where it was no JSON. */
    readonly body: unknown,
  ) {
    super(detail || title);
  }
}
