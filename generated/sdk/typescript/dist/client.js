import { SocketClient } from "./base.js";
import { uuid } from "./contract.js";
const credential = { place: "header", name: "X-API-Key", prefix: "" };
const contract = {
name: "specbus-client",
address: "/ws",
kinds: [
{ name: "Ack", constants: { type: "ack" }, required: [] },
{ name: "Event", constants: { type: "event" }, required: [] },
{ name: "Info", constants: { type: "info" }, required: [] },
{ name: "Error", constants: { type: "error" }, required: [] },
{ name: "Pong", constants: { type: "pong" }, required: [] },
],
refusals: { Error: { code: ["error", "code"], text: ["error", "message"] } },
correlation: { path: ["request_id"], kind: "text" },
probe: { frame: { type: "ping" }, replies: ["Pong"] },
};
const SUBSCRIBE = {
key: "topic",
event: "Event",
replies: ["Ack"],
once: ["last_n"],
ended: { kind: "Info", where: [[["msg"], "topic_deleted"]] },
dropped: { kind: "Error", where: [[["error", "code"], "SLOW_CONSUMER"]], count: ["error", "dropped"] },
};
export class TopicsRequests {
#rest;
constructor(rest) {
this.#rest = rest;
}
list(options = {}) {
return this.#rest.request("GET", "/topics", {}, options);
}
create(name, options = {}) {
return this.#rest.request("POST", "/topics", { body: { name } }, options);
}
get(name, options = {}) {
return this.#rest.request("GET", "/topics/{name}", { path: { name } }, options);
}
delete(name, options = {}) {
return this.#rest.request("DELETE", "/topics/{name}", { path: { name } }, options);
}
}
export class MessagesRequests {
#rest;
constructor(rest) {
this.#rest = rest;
}
get(name, options = {}) {
return this.#rest.request("GET", "/topics/{name}/messages", { path: { name }, query: { last_n: options.lastN } }, options);
}
publish(name, payload, options = {}) {
return this.#rest.request("POST", "/topics/{name}/messages", { path: { name }, body: { payload, id: options.id ?? uuid() } }, options);
}
}
export class ServiceRequests {
#rest;
constructor(rest) {
this.#rest = rest;
}
index(options = {}) {
return this.#rest.request("GET", "/", {}, options);
}
health(options = {}) {
return this.#rest.request("GET", "/health", {}, options);
}
stats(options = {}) {
return this.#rest.request("GET", "/stats", {}, options);
}
openapi(options = {}) {
return this.#rest.request("GET", "/openapi.json", {}, options);
}
asyncapi(options = {}) {
return this.#rest.request("GET", "/asyncapi.json", {}, options);
}
}
export class Client extends SocketClient {
topics;
messages;
service;
constructor(url, options = {}) {
super(url, options, credential, contract);
this.topics = new TopicsRequests(this._rest);
this.messages = new MessagesRequests(this._rest);
this.service = new ServiceRequests(this._rest);
}
publish(topic, payload, options = {}) {
return this._bus.request({ type: "publish", topic, message: { payload, id: options.id ?? uuid() } }, ["Ack"], options);
}
ping(options = {}) {
return this._bus.request({ type: "ping" }, ["Pong"], options);
}
subscribe(topic, options = {}) {
return this._bus.subscribe(SUBSCRIBE, { type: "subscribe", topic, client_id: options.clientId ?? this.clientId, last_n: options.lastN }, { type: "unsubscribe", topic, client_id: options.clientId ?? this.clientId }, ["Ack"], options);
}
}
