import{Connection as e,pause as t}from"./connection.js";import{at as s,put as n,uuid as i}from"./contract.js"
;import{deadline as o}from"./deadline.js";import{Emitter as r}from"./emitter.js"
;import{AlreadySubscribedError as a,ClosedError as c,InvalidReplyError as d,ReplyError as h,SubscriptionEnded as l,TimeoutError as u,UnknownOutcomeError as f}from"./errors.js"
;import{Subscription as m}from"./subscription.js";const p=1009,w={1003:"no such data",1007:"no text",
1008:"against the policy",[p]:"too big"};export class Bus{#e;#t;connection;probe;notices=new r;#s=new Map;#n=new Map
;#i=new Set;#o=new Set;#r=()=>this.connection.heard;#a=0;constructor(t,s){const{probe:n}=t;this.#e=t,this.#t=s,
this.probe=n&&(()=>this.request({...n.frame},n.replies)),this.connection=new e(s,this)}request(e,t,s={}){
return new Promise((n,i)=>this.#c(e,t,s,n,i))}subscribe(e,t,s,n,i){const o=t[e.key],r=`${e.event} ${g(o)}`
;if(this.#n.has(r))throw new a(`this client is subscribed to ${g(o)} already`);const c=this.#d(o,i,async()=>{this.#h(r),
s&&"idle"!==d.state&&"connected"===this.connection.state&&await this.request(s,n,{timeout:i.timeout}).catch(()=>{})
}),d={subscription:c,stream:e,frame:t,key:o,options:i,state:"idle",accepted:!1,attempt:0};return this.#n.set(r,d),
this.#o.add(e),this.#l(r,d),c}feed(e,t){const s=this.#d(e.join(" or "),t,async()=>{this.#i.delete(n)}),n={kinds:e,
raw:t.raw,subscription:s};return this.#i.add(n),s.accepted(),s}#d(e,t,s){return new m({stop:s,dropped:t=>this.#u({key:e,
count:t,by:"client"}),unseen:t=>this.#f(`the subscription to ${g(e)} ended: ${t.message}`)},t)}#c(e,t,s,r,a){
const{signal:d,timeout:h=this.#t.timeout}=s
;if(d?.aborted||"closed"===this.connection.state)return void a(d?.aborted?d.reason:new c("the client is not connected: call connect() first"))
;const{correlation:l}=this.#e,f=++this.#a,m=l&&"integer"!==l.kind?"uuid"===l.kind?i():`${f}`:f;l&&n(e,l.path,m)
;const p=()=>{$(),d?.removeEventListener("abort",g)},w=()=>{p(),this.#s.delete(m)},b=()=>{if(p(),!y.sent)return w()
;y.done=y.failed=w,y.text="";const e=[...this.#s].filter(([,{text:e}])=>!e);l&&e.length>1e3&&this.#s.delete(e[0][0])
},g=()=>(b(),a(d?.reason)),y={text:JSON.stringify(e),request:e,replies:t,sent:!1,done:e=>(w(),r(e)),failed:e=>(w(),
a(e)),unanswered:()=>(l?b():w(),r(void 0))},$=o(h,this.#r,()=>{
const e=y.sent?"no answer":"no connection, and nothing was sent,";b(),a(new u(`${e} in ${h} ms`,y.sent))})
;return d?.addEventListener("abort",g),this.#s.set(m,y),"connected"===this.connection.state&&this.#m(y),y}#m(e){
e.sent=!0,this.connection.send(e.text),e.replies.length||e.unanswered()}#p(){
return[...this.#s.values()].filter(({sent:e})=>e)}#l(e,s){const{subscription:n,stream:i,frame:r,key:a,options:c}=s
;s.state="asked",s.cancel?.();const d=i=>{if(this.#n.get(e)!==s)return;const{accepted:r}=s,l=i instanceof u
;if(l&&!r||(s.state="idle"),i instanceof f){const{timeout:e=this.#t.timeout}=c
;r||(s.cancel=o(e,this.#r,()=>d(new u(`no answer in ${e} ms`,!0))))
}else if(r&&l)this.connection.restart("a subscription was not answered");else if(r&&c.retry&&i instanceof h&&!w[i.code]){
const n=t(this.#t,s.attempt++);s.cancel=o(n,()=>0,()=>"connected"===this.connection.state&&this.#l(e,s)),
this.#w("refused",{key:a,error:i,delay:n},`${g(a)} was refused and is tried again: ${i.message}`)}else n.leave(i)}
;s.command=this.#c(r,i.replies,{timeout:c.timeout},()=>{if(this.#n.get(e)===s){s.state="active",s.attempt=0
;for(const e of i.once)delete r[e];s.accepted&&this.#w("resubscribed",{key:a
},`resubscribed to ${g(a)}; events published in between may be missed`),s.accepted=!0,n.accepted()}},d)}#h(e){
const{cancel:t,command:s}=this.#n.get(e)??{}
;this.#n.delete(e),t?.(),s&&!s.sent&&s.failed(new c("the subscription was closed"))}opened(){
for(const[e,t]of this.#n)"idle"===t.state&&this.#l(e,t);for(const e of this.#s.values())e.sent||this.#m(e)}broken(e,t){
const s=this.#p(),n=1009===t?s.map(({text:e})=>e?(new TextEncoder).encode(e).length:1/0):[],i=n.reduce((e,t)=>t>e?t:e,0)
;s.forEach(({request:o,failed:r},a)=>r(!w[t]||1!==s.length&&n[a]!==i?new f(`the connection broke while an answer was due: ${e}`,o):new h(`the frame was refused: ${w[t]} (${e})`,`${t}`,o,{
code:t,reason:e})));for(const e of this.#n.values())e.state="idle"}changed(e){if("closed"===e.state){
for(const{subscription:e}of[...this.#n.values(),...this.#i])e.leave();const t=`the client was closed: ${e.reason}`
;for(const{sent:e,request:s,failed:n}of this.#s.values())n(e?new f(t,s):new c(t))}
const{state:t,reason:s,attempt:n,delay:i}=e,o="reconnecting"===t&&`${s}; attempt ${n} to reconnect in ${Math.round(i)} ms`
;this.#w("state",e,o)}received(e){let t;try{t=JSON.parse(e)}catch{}
const s=t instanceof Object&&this.#e.kinds.find(({constants:e,required:s})=>Object.entries(e).every(([e,s])=>t[e]===s)&&s.every(e=>e in t))?.name
;if(!s)return this.#f(`a frame that is not in the contract came: ${`${e}`.slice(0,200)}`);if(this.#b(s,t))return
;let n=!1;for(const[i,o]of this.#n)n=this.#g(s,t,e,i,o)||n
;for(const{kinds:i,raw:o,subscription:r}of this.#i)i.includes(s)&&(r.push(o?e:t),n=!0)
;!n&&Object.hasOwn(this.#e.refusals,s)&&this.#f(`the server says: ${this.#y(s,t,void 0).message}`)}#b(e,t){
const{correlation:n,refusals:i}=this.#e,o=Object.hasOwn(i,e)?i[e]:void 0,r=({replies:t})=>!!o||t.includes(e),a=n&&s(t,n.path)
;let c;if(null!=a)c=this.#s.get(a);else{if(this.#$(e,t))return!1
;n?o&&!o.unasked&&1===this.#p().length&&(c=this.#p()[0]):c=this.#p().find(r)}if(!c?.sent)return!1
;if(o)c.failed(this.#y(e,t,c.request));else if(r(c))c.done(t);else{if([...this.#o].some(({event:t})=>t===e))return!1
;c.failed(new d(`${e} is no answer to this command`))}return!0}#g(e,t,n,i,o){
const{subscription:r,stream:a,key:c,options:d}=o;if("active"!==o.state||t[a.key]!==c)return!1
;if(e===a.event)r.push(d.raw?n:t);else if(b(a.ended,e,t))this.#h(i),
r.end(new l(`the server ended the subscription to ${g(c)}`,c,t));else{if(!b(a.dropped,e,t))return!1;{
const e=(a.dropped?.count&&s(t,a.dropped.count))??1;r.dropped.server+=e,this.#u({key:c,count:e,by:"server"})}}return!0}
#$(e,t){return[...this.#o].some(({dropped:s,ended:n})=>b(s,e,t)||b(n,e,t))}#y(e,t,n){
const{code:i,text:o}=this.#e.refusals[e],r=o&&s(t,o);return new h(r??JSON.stringify(t),(i&&s(t,i))??e,n,t)}#u(e){
this.#w("dropped",e,`${e.count} events of ${g(e.key)} were dropped by the ${e.by}`)}#w(e,t,s){
!this.notices.emit(e,t)&&s&&this.#f(s)}#f(e){console.warn(`${this.#e.name}: ${e}`)}}function b(e,t,n){
return t===e?.kind&&e.where.every(([e,t])=>s(n,e)===t)}function g(e){return JSON.stringify(e)}
