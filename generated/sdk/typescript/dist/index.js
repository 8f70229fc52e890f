export{Client}from"./client.js";export{Subscription}from"./subscription.js"
;export{AlreadySubscribedError,ClosedError,InvalidReplyError,ReplyError,SubscriptionEnded,UnknownOutcomeError,ClientError,ConnectError,ProblemError,TimeoutError}from"./errors.js";
