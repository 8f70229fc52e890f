import { Connection, pause } from "./connection.js";
import { at, put, uuid } from "./contract.js";
import { Emitter } from "./emitter.js";
import { AlreadySubscribedError, ClosedError, ReplyError, SubscriptionEnded, TimeoutError, UnknownOutcomeError } from "./errors.js";
import { Subscription } from "./subscription.js";
export class Bus {
#contract;
#options;
connection;
notices = new Emitter();
#commands = new Map();
#started = new Map();
#feeds = new Set();
#count = 0;
constructor(contract, options) {
const { probe } = contract;
this.#contract = contract;
this.#options = options;
this.connection = new Connection(options, {
opened: () => this.#opened(),
received: (text) => this.#received(text),
broken: (reason) => this.#broken(reason),
changed: (change) => this.#changed(change),
probe: probe && (() => this.request({ ...probe.frame }, probe.replies)),
});
}
request(frame, replies, options = {}) {
return new Promise((resolve, reject) => this.#command(frame, replies, options, resolve, reject));
}
subscribe(stream, frame, stop, stops, options) {
const key = frame[stream.key];
const id = `${stream.event} ${shown(key)}`;
if (this.#started.has(id))
throw new AlreadySubscribedError(`this client is subscribed to ${shown(key)} already`);
const subscription = new Subscription({
stop: async () => {
this.#forget(id);
if (!stop || started.state === "idle" || this.connection.state !== "connected")
return;
await this.request(stop, stops, { timeout: options.timeout }).catch(() => { });
},
dropped: (count) => this.#dropped({ key, count, by: "client" }),
unseen: (error) => this.#warn(`the subscription to ${shown(key)} ended: ${error.message}`),
}, options);
const started = { subscription, stream, frame, key, options, state: "idle", accepted: false, attempt: 0 };
this.#started.set(id, started);
this.#start(id, started);
return subscription;
}
feed(kinds, options) {
const subscription = new Subscription({
stop: async () => void this.#feeds.delete(entry),
dropped: (count) => this.#dropped({ key: kinds[0], count, by: "client" }),
unseen: (error) => this.#warn(error.message),
}, options);
const entry = { kinds, raw: options.raw, subscription };
this.#feeds.add(entry);
subscription.accepted();
return subscription;
}
#command(frame, replies, options, resolve, reject) {
const { signal, timeout = this.#options.timeout } = options;
if (signal?.aborted || this.connection.state === "closed") {
reject(signal?.aborted ? signal.reason : new ClosedError("the client is not connected: call connect() first"));
return undefined;
}
const { correlation } = this.#contract;
const number = ++this.#count;
const id = !correlation || correlation.kind === "integer" ? number : correlation.kind === "uuid" ? uuid() : `${number}`;
if (correlation)
put(frame, correlation.path, id);
const settle = () => {
clearTimeout(timer);
signal?.removeEventListener("abort", abort);
this.#commands.delete(id);
};
const giveUp = (error) => {
if (!command.sent || correlation)
settle();
reject(error);
};
const abort = () => giveUp(signal?.reason);
const command = {
text: JSON.stringify(frame),
request: frame,
replies,
sent: false,
done: (reply) => (settle(), resolve(reply)),
failed: (error) => (settle(), reject(error)),
};
const timer = setTimeout(() => {
const doing = command.sent ? "no answer" : "no connection, and nothing was sent,";
giveUp(new TimeoutError(`${doing} in ${timeout} ms`, command.sent));
}, timeout);
signal?.addEventListener("abort", abort);
this.#commands.set(id, command);
if (this.connection.state === "connected")
this.#send(command);
return command;
}
#send(command) {
command.sent = true;
this.connection.send(command.text);
if (!command.replies.length)
command.done(undefined);
}
#start(id, started) {
const { subscription, stream, frame, key, options } = started;
started.state = "asked";
const done = () => {
if (this.#started.get(id) !== started)
return;
started.state = "active";
started.attempt = 0;
for (const field of stream.once)
delete frame[field];
if (started.accepted) {
this.#tell("resubscribed", { key }, `subscribed to ${shown(key)} again; what was sent meanwhile may be missed`);
}
started.accepted = true;
subscription.accepted();
};
const failed = (error) => {
started.state = "idle";
if (this.#started.get(id) !== started || error instanceof UnknownOutcomeError)
return;
if (options.retry && started.accepted && error instanceof ReplyError) {
const delay = pause(this.#options, started.attempt++);
started.timer = setTimeout(() => this.connection.state === "connected" && started.state === "idle" && this.#start(id, started), delay);
this.#tell("refused", { key, error, delay }, `${shown(key)} was refused and is tried again: ${error.message}`);
}
else if (started.accepted && error instanceof TimeoutError) {
this.connection.restart("a subscription was not answered");
}
else {
this.#forget(id);
subscription.end(error);
}
};
started.command = this.#command(frame, stream.replies, { timeout: options.timeout }, done, failed);
}
#forget(id) {
const { timer, command } = this.#started.get(id) ?? {};
this.#started.delete(id);
clearTimeout(timer);
if (command && !command.sent)
command.failed(new ClosedError("the subscription was closed"));
}
#opened() {
for (const [id, started] of this.#started)
if (started.state === "idle")
this.#start(id, started);
for (const command of [...this.#commands.values()])
if (!command.sent)
this.#send(command);
}
#broken(reason) {
for (const command of [...this.#commands.values()]) {
if (command.sent)
command.failed(new UnknownOutcomeError(`the connection broke while an answer was due: ${reason}`, command.request));
}
for (const started of this.#started.values())
if (started.state === "active")
started.state = "idle";
}
#changed(change) {
if (change.state === "closed") {
for (const command of [...this.#commands.values()]) {
const { sent, request } = command;
const reason = `the client was closed: ${change.reason}`;
command.failed(sent ? new UnknownOutcomeError(reason, request) : new ClosedError(reason));
}
for (const [id, { subscription }] of [...this.#started]) {
this.#forget(id);
subscription.end();
}
for (const { subscription } of this.#feeds)
subscription.end();
this.#feeds.clear();
}
const { state, reason, attempt, delay } = change;
const line = state === "reconnecting" && `${reason}; attempt ${attempt} to reconnect in ${Math.round(delay)} ms`;
this.#tell("state", change, line);
}
#received(text) {
let frame;
try {
frame = typeof text === "string" && JSON.parse(text);
}
catch {
}
const kind = frame instanceof Object &&
this.#contract.kinds.find(({ constants, required }) => Object.entries(constants).every(([name, value]) => frame[name] === value) && required.every((name) => name in frame))?.name;
if (!kind)
return this.#warn(`a frame that is not in the contract came: ${String(text).slice(0, 200)}`);
if (this.#answered(kind, frame))
return;
let taken = false;
for (const [id, started] of [...this.#started])
taken = this.#streamed(kind, frame, text, id, started) || taken;
for (const feed of this.#feeds) {
if (feed.kinds.includes(kind))
feed.subscription.push(feed.raw ? text : frame);
}
if (!taken && kind in this.#contract.refusals)
this.#warn(`the server says: ${this.#refusal(kind, frame, undefined).message}`);
}
#answered(kind, frame) {
const { correlation, refusals } = this.#contract;
const answers = ({ sent, replies }) => sent && (replies.includes(kind) || kind in refusals);
const command = correlation
? this.#commands.get(at(frame, correlation.path))
: [...this.#commands.values()].find(answers);
if (!command || !answers(command))
return false;
if (kind in refusals)
command.failed(this.#refusal(kind, frame, command.request));
else
command.done(frame);
return true;
}
#streamed(kind, frame, text, id, started) {
const { subscription, stream, key, options } = started;
if (started.state !== "active" || frame[stream.key] !== key)
return false;
const matches = (match) => kind === match?.kind && match.where.every(([path, value]) => at(frame, path) === value);
if (kind === stream.event) {
subscription.push(options.raw ? text : frame);
}
else if (matches(stream.ended)) {
this.#forget(id);
subscription.end(new SubscriptionEnded(`the server ended the subscription to ${shown(key)}`, key, frame));
}
else if (matches(stream.dropped)) {
const count = (stream.dropped?.count && at(frame, stream.dropped.count)) ?? 1;
subscription.dropped.server += count;
this.#dropped({ key, count, by: "server" });
}
else {
return false;
}
return true;
}
#refusal(kind, frame, request) {
const { code, text } = this.#contract.refusals[kind];
const words = text && at(frame, text);
return new ReplyError(words ?? JSON.stringify(frame), (code && at(frame, code)) ?? kind, request, frame);
}
#dropped(notice) {
this.#tell("dropped", notice, `${notice.count} events of ${shown(notice.key)} were dropped by the ${notice.by}`);
}
#tell(name, notice, line) {
if (!this.notices.emit(name, notice) && line)
this.#warn(line);
}
#warn(line) {
console.warn(`${this.#contract.name}: ${line}`);
}
}
function shown(key) {
return JSON.stringify(key);
}
