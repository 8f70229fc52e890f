/** What can go wrong. Every error of the client is a `ClientError`, but for an aborted `AbortSignal`'s own reason. */
export declare class ClientError extends Error {
    constructor(message: string, options?: {
        cause?: unknown;
    });
}
/** The server could not be reached. Nothing was sent. */
export declare class ConnectError extends ClientError {
}
/** The client is closed, or `connect()` was not called. Nothing was sent. */
export declare class ClosedError extends ClientError {
}
/** This client already has that subscription. Another client can have it too. */
export declare class AlreadySubscribedError extends ClientError {
}
/** No reply came in time. If `sent` is true, the command may have been carried out. */
export declare class TimeoutError extends ClientError {
    /** Whether the request was sent. */
    readonly sent: boolean;
    constructor(message: string, 
    /** Whether the request was sent. */
    sent: boolean);
}
/** The connection broke before the reply came: the command was carried out, or not. It is not resent. */
export declare class UnknownOutcomeError extends ClientError {
    /** The frame that was sent. */
    readonly request: unknown;
    constructor(message: string, 
    /** The frame that was sent. */
    request: unknown);
}
/** The server refused a frame. `message` says why, in the server's words. */
export declare class ReplyError extends ClientError {
    /** The kind of error, as the server names it; or the code with which it closed the connection because of the frame, as `1009`. */
    readonly code: string;
    /** The frame that was refused. */
    readonly request: unknown;
    /** The whole answer. */
    readonly reply: unknown;
    constructor(message: string, 
    /** The kind of error, as the server names it; or the code with which it closed the connection because of the frame, as `1009`. */
    code: string, 
    /** The frame that was refused. */
    request: unknown, 
    /** The whole answer. */
    reply: unknown);
}
/** What the server sent does not match its documents. */
export declare class InvalidReplyError extends ClientError {
}
/** The server ended a subscription. It is thrown after the events that came before. */
export declare class SubscriptionEnded extends ClientError {
    /** What was subscribed to. */
    readonly key: unknown;
    /** The frame that ended it. */
    readonly frame: unknown;
    constructor(message: string, 
    /** What was subscribed to. */
    key: unknown, 
    /** The frame that ended it. */
    frame: unknown);
}
/** An HTTP request was refused. The fields are those of the problem document (RFC 9457) that answered it. */
export declare class ProblemError extends ClientError {
    /** The HTTP status. */
    readonly status: number;
    /** The kind of problem, a URI; `about:blank` where the status says it all. */
    readonly type: string;
    /** The kind of problem in a few words. */
    readonly title: string;
    /** What went wrong this time, in the server's words. */
    readonly detail: string;
    /** The body of the response; text if it was not JSON. */
    readonly body: unknown;
    /** Milliseconds after which the server wants to be asked again (RFC 9110, 10.2.3); 0 if it has not said. */
    readonly retryAfter: number;
    constructor(
    /** The HTTP status. */
    status: number, 
    /** The kind of problem, a URI; `about:blank` where the status says it all. */
    type: string, 
    /** The kind of problem in a few words. */
    title: string, 
    /** What went wrong this time, in the server's words. */
    detail: string, 
    /** The body of the response; text if it was not JSON. */
    body: unknown, 
    /** Milliseconds after which the server wants to be asked again (RFC 9110, 10.2.3); 0 if it has not said. */
    retryAfter?: number);
}
