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

/** This client already has that subscription. Another client can have it too. */
export class AlreadySubscribedError extends ClientError {}

/** No reply came in time. If `sent` is true, the command may have been carried out. */
export class TimeoutError extends ClientError {
  constructor(
    message: string,
    /** Whether the request was sent. */
    readonly sent: boolean,
  ) {
    super(message);
  }
}

/** The connection broke before the reply came: the command was carried out, or not. It is not resent. */
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
    /** The kind of error, as the server names it; or the code with which it closed the connection because of the frame, as `1009`. */
    readonly code: string,
    /** The frame that was refused. */
    readonly request: unknown,
    /** The whole answer. */
    readonly reply: unknown,
  ) {
    super(message);
  }
}

/** What the server sent does not match its documents. */
export class InvalidReplyError extends ClientError {}

/** The server ended a subscription. It is thrown after the events that came before. */
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
    /** The body of the response; text if it was not JSON. */
    readonly body: unknown,
    /** Milliseconds after which the server wants to be asked again (RFC 9110, 10.2.3); 0 if it has not said. */
    readonly retryAfter = 0,
  ) {
    super(detail || title);
  }
}
