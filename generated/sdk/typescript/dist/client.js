import{SocketClient as e}from"./base.js";import{uuid as s}from"./contract.js";const t={place:"header",name:"X-API-Key",
prefix:""},r={name:"specbus-client",address:"/ws",kinds:[{name:"Ack",constants:{type:"ack"},required:[]},{name:"Event",
constants:{type:"event"},required:[]},{name:"Info",constants:{type:"info"},required:[]},{name:"Error",constants:{
type:"error"},required:[]},{name:"Pong",constants:{type:"pong"},required:[]}],refusals:{Error:{code:["error","code"],
text:["error","message"]}},correlation:{path:["request_id"],kind:"text"},probe:{frame:{type:"ping"},replies:["Pong"]}
},i={key:"topic",event:"Event",replies:["Ack"],once:["last_n"],ended:{kind:"Info",where:[[["msg"],"topic_deleted"]]},
dropped:{kind:"Error",where:[[["error","code"],"SLOW_CONSUMER"]],count:["error","dropped"]}}
;export class TopicsRequests{#e;constructor(e){this.#e=e}list(e={}){return this.#e.request("GET","/topics",{},e)}
create(e,s={}){return this.#e.request("POST","/topics",{body:{name:e}},s)}get(e,s={}){
return this.#e.request("GET","/topics/{name}",{path:{name:e}},s)}delete(e,s={}){
return this.#e.request("DELETE","/topics/{name}",{path:{name:e}},s)}}export class MessagesRequests{#e;constructor(e){
this.#e=e}get(e,s={}){return this.#e.request("GET","/topics/{name}/messages",{path:{name:e},query:{last_n:s.lastN}},s)}
publish(e,t,r={}){return this.#e.request("POST","/topics/{name}/messages",{path:{name:e},body:{payload:t,id:r.id??s()}
},r)}}export class ServiceRequests{#e;constructor(e){this.#e=e}index(e={}){return this.#e.request("GET","/",{},e)}
health(e={}){return this.#e.request("GET","/health",{},e)}stats(e={}){return this.#e.request("GET","/stats",{},e)}
openapi(e={}){return this.#e.request("GET","/openapi.json",{},e)}asyncapi(e={}){
return this.#e.request("GET","/asyncapi.json",{},e)}}export class Client extends e{topics;messages;service
;constructor(e,s={}){
super(e,s,t,r),this.topics=new TopicsRequests(this._rest),this.messages=new MessagesRequests(this._rest),
this.service=new ServiceRequests(this._rest)}publish(e,t,r={}){return this._bus.request({type:"publish",topic:e,
message:{payload:t,id:r.id??s()}},["Ack"],r)}ping(e={}){return this._bus.request({type:"ping"},["Pong"],e)}
subscribe(e,s={}){return this._bus.subscribe(i,{type:"subscribe",topic:e,client_id:s.clientId??this.clientId,
last_n:s.lastN},{type:"unsubscribe",topic:e,client_id:s.clientId??this.clientId},["Ack"],s)}}
