export class ClientError extends Error{constructor(a,b){super(a,b);this.name=new.target.name}
}
export class ConnectError extends ClientError{}
export class ClosedError extends ClientError{}
export class AlreadySubscribedError extends ClientError{}
export class TimeoutError extends ClientError{sent;constructor(a,sent){super(a);this.sent=sent}
}
export class UnknownOutcomeError extends ClientError{request;constructor(a,request){super(a);this.request=request}
}
export class ReplyError extends ClientError{code;request;reply;constructor(a,code,request,reply){super(a);this.code=code;this.request=request;this.reply=reply}
}
export class InvalidReplyError extends ClientError{}
export class SubscriptionEnded extends ClientError{key;frame;constructor(a,key,frame){super(a);this.key=key;this.frame=frame}
}
export class ProblemError extends ClientError{status;type;title;detail;body;retryAfter;constructor(status,type,title,detail,body,retryAfter=0){super(detail||title);this.status=status;this.type=type;this.title=title;this.detail=detail;this.body=body;this.retryAfter=retryAfter}
}
