export class ClientError extends Error{constructor(r,e){super(r,e),this.name=new.target.name}}
export class ConnectError extends ClientError{}export class ClosedError extends ClientError{}
export class AlreadySubscribedError extends ClientError{}export class TimeoutError extends ClientError{sent
;constructor(r,e){super(r),this.sent=e}}export class UnknownOutcomeError extends ClientError{request;constructor(r,e){
super(r),this.request=e}}export class ReplyError extends ClientError{code;request;reply;constructor(r,e,t,s){super(r),
this.code=e,this.request=t,this.reply=s}}export class InvalidReplyError extends ClientError{}
export class SubscriptionEnded extends ClientError{key;frame;constructor(r,e,t){super(r),this.key=e,this.frame=t}}
export class ProblemError extends ClientError{status;type;title;detail;body;retryAfter;constructor(r,e,t,s,o,n=0){
super(s||t),this.status=r,this.type=e,this.title=t,this.detail=s,this.body=o,this.retryAfter=n}}
