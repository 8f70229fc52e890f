import{SocketClient}from"./base.js";import{uuid}from"./contract.js";const a={place:"header",name:"X-API-Key",prefix:""};const b={name:"specbus-client",address:"/ws",kinds:[{name:"Ack",constants:{type:"ack"},required:[]},{name:"Event",constants:{type:"event"},required:[]},{name:"Info",constants:{type:"info"},required:[]},{name:"Error",constants:{type:"error"},required:[]},{name:"Pong",constants:{type:"pong"},required:[]},],refusals:{Error:{code:["error","code"],text:["error","message"]}},correlation:{path:["request_id"],kind:"text"},probe:{frame:{type:"ping"},replies:["Pong"]},};const c={key:"topic",event:"Event",replies:["Ack"],once:["last_n"],ended:{kind:"Info",where:[[["msg"],"topic_deleted"]]},dropped:{kind:"Error",where:[[["error","code"],"SLOW_CONSUMER"]],count:["error","dropped"]},};export class TopicsRequests{#a;constructor(d){this.#a=d}
list(e={}){return this.#a.request("GET","/topics",{},e)}
create(name,e={}){return this.#a.request("POST","/topics",{body:{name}},e)}
get(name,e={}){return this.#a.request("GET","/topics/{name}",{path:{name}},e)}
delete(name,e={}){return this.#a.request("DELETE","/topics/{name}",{path:{name}},e)}
}
export class MessagesRequests{#a;constructor(d){this.#a=d}
get(name,e={}){return this.#a.request("GET","/topics/{name}/messages",{path:{name},query:{last_n:e.lastN}},e)}
publish(name,payload,e={}){return this.#a.request("POST","/topics/{name}/messages",{path:{name},body:{payload,id:e.id??uuid()}},e)}
}
export class ServiceRequests{#a;constructor(d){this.#a=d}
index(e={}){return this.#a.request("GET","/",{},e)}
health(e={}){return this.#a.request("GET","/health",{},e)}
stats(e={}){return this.#a.request("GET","/stats",{},e)}
openapi(e={}){return this.#a.request("GET","/openapi.json",{},e)}
asyncapi(e={}){return this.#a.request("GET","/asyncapi.json",{},e)}
}
export class Client extends SocketClient{topics;messages;service;constructor(url,e={}){super(url,e,a,b);this.topics=new TopicsRequests(this._rest);this.messages=new MessagesRequests(this._rest);this.service=new ServiceRequests(this._rest)}
publish(topic,payload,e={}){return this._bus.request({type:"publish",topic,message:{payload,id:e.id??uuid()}},["Ack"],e)}
ping(e={}){return this._bus.request({type:"ping"},["Pong"],e)}
subscribe(topic,e={}){return this._bus.subscribe(c,{type:"subscribe",topic,client_id:e.clientId??this.clientId,last_n:e.lastN},{type:"unsubscribe",topic,client_id:e.clientId??this.clientId},["Ack"],e)}
}
