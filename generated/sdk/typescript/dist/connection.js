import { ClientError, ConnectError } from "./errors.js";
export class Connection {
state = "closed";
#options;
#owner;
#socket;
#attempt = 0;
#heard = 0;
#retry;
#watch;
#unsent = "";
#abandon;
constructor(options, owner) {
this.#options = options;
this.#owner = owner;
}
async connect() {
if (this.state !== "closed")
throw new ClientError(`connect() was called before; the client is ${this.state}`);
this.#change("connecting", "connect() was called");
try {
await this.#open();
}
catch (error) {
if (this.state !== "closed")
this.#change("closed", error.message);
throw error;
}
}
send(text) {
this.#socket?.send(text);
}
restart(reason) {
this.#abandon?.(reason);
}
async close() {
const socket = this.#socket;
const open = this.state === "connected";
clearTimeout(this.#retry);
clearTimeout(this.#watch);
if (this.state !== "closed")
this.#change("closed", "close() was called");
if (!socket)
return;
if (!open)
return this.#abandon?.("close() was called");
this.#socket = undefined;
await new Promise((resolve) => {
const timer = setTimeout(() => {
socket.terminate?.();
resolve();
}, this.#options.timeout);
socket.onclose = () => {
clearTimeout(timer);
resolve();
};
socket.onmessage = null;
socket.close(1000);
});
}
#open() {
const { timeout } = this.#options;
return new Promise((resolve, reject) => {
let opened = false;
let detail = "";
const socket = this.#create();
this.#socket = socket;
const lost = (reason) => {
if (this.#socket !== socket)
return;
clearTimeout(timer);
clearTimeout(this.#watch);
this.#socket = undefined;
socket.onopen = socket.onmessage = socket.onclose = null;
socket.close();
socket.terminate?.();
if (opened)
this.#lost(reason);
else
reject(new ConnectError(`cannot connect to ${this.#options.url}: ${reason}${this.#unsent}`));
};
const timer = setTimeout(lost, timeout, `no answer in ${timeout} ms`);
this.#abandon = lost;
socket.onerror = (event) => (detail = event?.error?.message || event?.message || detail);
socket.onclose = ({ code, reason }) => lost(detail || `closed with ${code}${reason && ` ${reason}`}`);
socket.onmessage = ({ data }) => {
this.#heard = Date.now();
this.#attempt = 0;
if (this.#socket === socket)
this.#owner.received(data);
};
socket.onopen = () => {
clearTimeout(timer);
opened = true;
this.#heard = Date.now();
this.#change("connected", "the connection is open");
this.#supervise();
this.#owner.opened();
resolve();
};
});
}
#create() {
const { url, headers, WebSocket } = this.#options;
const names = Object.keys(headers);
let carrier;
const dispatcher = WebSocket === globalThis.WebSocket && dispatching((found) => (carrier = found));
const options = { ...(names.length && { headers }), ...(dispatcher && { dispatcher }) };
let socket;
try {
if (Object.keys(options).length)
socket = new WebSocket(url, options);
}
catch {
this.#unsent = `; the WebSocket of this platform cannot send ${names.join(", ")}`;
}
socket ??= new WebSocket(url);
socket.terminate ??= () => carrier?.destroy();
return socket;
}
#lost(reason) {
this.#owner.broken(reason);
this.#again(reason);
}
#again(reason) {
if (this.state === "closed")
return;
const delay = pause(this.#options, this.#attempt++);
this.#retry = setTimeout(() => this.#open().catch((error) => this.#again(error.message)), delay);
this.#change("reconnecting", reason, this.#attempt, delay);
}
#supervise() {
const { silence } = this.#options;
const { probe } = this.#owner;
const socket = this.#socket;
if (!silence || !probe || !socket)
return;
const lost = () => this.#socket === socket && this.restart(`the server was silent for ${silence} ms and did not answer`);
this.#watch = setTimeout(async () => {
if (Date.now() - this.#heard >= silence)
await probe().catch(lost);
if (this.#socket === socket)
this.#supervise();
}, Math.max(this.#heard + silence - Date.now(), 1));
}
#change(state, reason, attempt = 0, delay = 0) {
this.state = state;
this.#owner.changed({ state, reason, attempt, delay });
}
}
export function pause({ backoffBase, backoffCap }, failed) {
return Math.random() * Math.min(backoffCap, backoffBase * 2 ** failed);
}
function dispatching(found) {
const agent = globalThis[Symbol.for("undici.globalDispatcher.1")];
if (!agent)
return undefined;
const dispatch = (options, handler) => {
for (const name of ["onUpgrade", "onRequestUpgrade"]) {
const own = handler[name];
if (!own)
continue;
handler[name] = (...given) => {
found(given.find((value) => typeof value?.destroy === "function"));
return own.apply(handler, given);
};
}
return agent.dispatch(options, handler);
};
return { dispatch };
}
