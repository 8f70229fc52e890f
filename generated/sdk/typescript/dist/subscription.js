import { ClosedError } from "./errors.js";
import { Emitter } from "./emitter.js";
const NOTICE_INTERVAL = 100;
export class Subscription {
dropped = { server: 0, client: 0 };
#emitter = new Emitter();
#limit;
#source;
#signal;
#abort = () => this.leave(this.#signal?.reason);
#ready;
accepted;
#refuse;
#queue = [];
#head = 0;
#waiting = [];
#watched = false;
#ended = false;
#error;
#thrown = false;
#untold = 0;
#timer;
constructor(source, { queueSize = 1000, signal }) {
if (!(queueSize >= 1))
throw new RangeError("queueSize must be at least 1");
this.#limit = queueSize;
this.#source = source;
this.#signal = signal;
this.#ready = new Promise((resolve, reject) => {
this.accepted = resolve;
this.#refuse = reject;
});
this.#ready.catch(() => { });
if (signal?.aborted)
queueMicrotask(this.#abort);
else
signal?.addEventListener("abort", this.#abort);
}
ready() {
this.#watched = true;
return this.#ready;
}
on(name, callback) {
const off = this.#emitter.on(name, callback);
if (name === "end") {
this.#watched = true;
if (this.#ended)
queueMicrotask(() => callback(this.#error));
}
else {
for (let event = this.#take(); event; event = this.#take())
this.#emitter.emit("event", event.value);
}
return off;
}
next() {
this.#watched = true;
const event = this.#take();
if (event)
return Promise.resolve({ value: event.value, done: false });
if (!this.#ended)
return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
if (!this.#error || this.#thrown)
return Promise.resolve({ value: undefined, done: true });
this.#thrown = true;
return Promise.reject(this.#error);
}
close() {
return this.leave();
}
async return() {
await this.leave();
return { value: undefined, done: true };
}
[Symbol.asyncIterator]() {
return this;
}
push(event) {
if (this.#ended)
return;
if (this.#emitter.emit("event", event))
return;
const waiting = this.#waiting.shift();
if (waiting)
return waiting.resolve({ value: event, done: false });
this.#queue.push(event);
if (this.#queue.length - this.#head > this.#limit) {
this.#take();
this.dropped.client++;
this.#untold++;
this.#timer ??= setTimeout(() => this.#tell(), NOTICE_INTERVAL);
}
}
end(error) {
if (this.#ended)
return;
this.#ended = true;
this.#error = error;
this.#tell();
this.#signal?.removeEventListener("abort", this.#abort);
this.#refuse(error ?? new ClosedError("the subscription was closed"));
const waiting = this.#waiting.splice(0);
if (error && waiting.length) {
this.#thrown = true;
waiting.shift()?.reject(error);
}
for (const { resolve } of waiting)
resolve({ value: undefined, done: true });
this.#emitter.emit("end", error);
if (error && !this.#watched)
this.#source.unseen(error);
}
async leave(reason) {
if (this.#ended)
return;
this.end(reason);
await this.#source.stop();
}
#take() {
if (this.#head === this.#queue.length)
return undefined;
const value = this.#queue[this.#head];
this.#queue[this.#head] = undefined;
if (++this.#head > 1023 && this.#head * 2 > this.#queue.length) {
this.#queue = this.#queue.slice(this.#head);
this.#head = 0;
}
return { value };
}
#tell() {
clearTimeout(this.#timer);
this.#timer = undefined;
if (this.#untold)
this.#source.dropped(this.#untold);
this.#untold = 0;
}
}
