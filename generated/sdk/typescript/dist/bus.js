import { Connection, pause } from "./connection.js";
import { at, put, uuid } from "./contract.js";
import { Emitter } from "./emitter.js";
import { AlreadySubscribedError, ClosedError, ReplyError, SubscriptionEnded, TimeoutError, UnknownOutcomeError } from "./errors.js";
import { Subscription } from "./subscription.js";
export class Bus {
#contract;
#options;
connection;
probe;
notices = new Emitter();
#commands = new Map();
#started = new Map();
#feeds = new Set();
#count = 0;
constructor(contract, options) {
const { probe } = contract;
this.#contract = contract;
this.#options = options;
this.probe = probe && (() => this.request({ ...probe.frame }, probe.replies));
this.connection = new Connection(options, this);
}
request(frame, replies, options = {}) {
return new Promise((resolve, reject) => this.#command(frame, replies, options, resolve, reject));
}
subscribe(stream, frame, stop, stops, options) {
const key = frame[stream.key];
const id = `${stream.event} ${shown(key)}`;
if (this.#started.has(id))
throw new AlreadySubscribedError(`this client is subscribed to ${shown(key)} already`);
const subscription = this.#subscription(key, options, async () => {
this.#forget(id);
if (!stop || started.state === "idle" || this.connection.state !== "connected")
return;
await this.request(stop, stops, { timeout: options.timeout }).catch(() => { });
});
const started = { subscription, stream, frame, key, options, state: "idle", accepted: false, attempt: 0 };
this.#started.set(id, started);
this.#start(id, started);
return subscription;
}
feed(kinds, options) {
const subscription = this.#subscription(kinds.join(" or "), options, async () => void this.#feeds.delete(entry));
const entry = { kinds, raw: options.raw, subscription };
this.#feeds.add(entry);
subscription.accepted();
return subscription;
}
#subscription(key, options, stop) {
const dropped = (count) => this.#dropped({ key, count, by: "client" });
const unseen = (error) => this.#warn(`the subscription to ${shown(key)} ended: ${error.message}`);
return new Subscription({ stop, dropped, unseen }, options);
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
const stop = () => {
clearTimeout(timer);
signal?.removeEventListener("abort", abort);
};
const settle = () => {
stop();
this.#commands.delete(id);
};
const giveUp = (error) => {
stop();
if (command.sent && !correlation)
command.done = command.failed = settle;
else
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
clearTimeout(started.timer);
const done = () => {
if (this.#started.get(id) !== started)
return;
started.state = "active";
started.attempt = 0;
for (const field of stream.once)
delete frame[field];
if (started.accepted) {
this.#tell("resubscribed", { key }, `resubscribed to ${shown(key)}; events published in between may be missed`);
}
started.accepted = true;
subscription.accepted();
};
const failed = (error) => {
if (this.#started.get(id) !== started)
return;
const { accepted } = started;
const late = error instanceof TimeoutError;
if (!late || accepted)
started.state = "idle";
if (error instanceof UnknownOutcomeError) {
const { timeout = this.#options.timeout } = options;
if (!accepted)
started.timer = setTimeout(failed, timeout, new TimeoutError(`no answer in ${timeout} ms`, true));
}
else if (accepted && late) {
this.connection.restart("a subscription was not answered");
}
else if (accepted && options.retry && error instanceof ReplyError) {
const delay = pause(this.#options, started.attempt++);
started.timer = setTimeout(() => this.connection.state === "connected" && this.#start(id, started), delay);
this.#tell("refused", { key, error, delay }, `${shown(key)} was refused and is tried again: ${error.message}`);
}
else {
void subscription.leave(error);
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
opened() {
for (const [id, started] of this.#started)
if (started.state === "idle")
this.#start(id, started);
for (const command of this.#commands.values())
if (!command.sent)
this.#send(command);
}
broken(reason) {
for (const command of this.#commands.values()) {
if (command.sent)
command.failed(new UnknownOutcomeError(`the connection broke while an answer was due: ${reason}`, command.request));
}
for (const started of this.#started.values())
started.state = "idle";
}
changed(change) {
if (change.state === "closed") {
for (const { subscription } of [...this.#started.values(), ...this.#feeds])
void subscription.leave();
const reason = `the client was closed: ${change.reason}`;
for (const { sent, request, failed } of this.#commands.values()) {
failed(sent ? new UnknownOutcomeError(reason, request) : new ClosedError(reason));
}
}
const { state, reason, attempt, delay } = change;
const line = state === "reconnecting" && `${reason}; attempt ${attempt} to reconnect in ${Math.round(delay)} ms`;
this.#tell("state", change, line);
}
received(text) {
let frame;
try {
frame = JSON.parse(text);
}
catch {
}
const kind = frame instanceof Object &&
this.#contract.kinds.find(({ constants, required }) => Object.entries(constants).every(([name, value]) => frame[name] === value) && required.every((name) => name in frame))?.name;
if (!kind)
return this.#warn(`a frame that is not in the contract came: ${`${text}`.slice(0, 200)}`);
if (this.#answered(kind, frame))
return;
let taken = false;
for (const [id, started] of this.#started)
taken = this.#streamed(kind, frame, text, id, started) || taken;
for (const { kinds, raw, subscription } of this.#feeds) {
if (!kinds.includes(kind))
continue;
subscription.push(raw ? text : frame);
taken = true;
}
if (!taken && Object.hasOwn(this.#contract.refusals, kind))
this.#warn(`the server says: ${this.#refusal(kind, frame, undefined).message}`);
}
#answered(kind, frame) {
const { correlation, refusals } = this.#contract;
const answers = ({ sent, replies }) => sent && (replies.includes(kind) || Object.hasOwn(refusals, kind));
const command = correlation
? this.#commands.get(at(frame, correlation.path))
: !this.#isDrop(kind, frame) && [...this.#commands.values()].find(answers);
if (!command || !answers(command))
return false;
if (Object.hasOwn(refusals, kind))
command.failed(this.#refusal(kind, frame, command.request));
else
command.done(frame);
return true;
}
#streamed(kind, frame, text, id, started) {
const { subscription, stream, key, options } = started;
if (started.state !== "active" || frame[stream.key] !== key)
return false;
if (kind === stream.event) {
subscription.push(options.raw ? text : frame);
}
else if (matches(stream.ended, kind, frame)) {
this.#forget(id);
subscription.end(new SubscriptionEnded(`the server ended the subscription to ${shown(key)}`, key, frame));
}
else if (matches(stream.dropped, kind, frame)) {
const count = (stream.dropped?.count && at(frame, stream.dropped.count)) ?? 1;
subscription.dropped.server += count;
this.#dropped({ key, count, by: "server" });
}
else {
return false;
}
return true;
}
#isDrop(kind, frame) {
return [...this.#started.values()].some(({ stream }) => matches(stream.dropped, kind, frame));
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
function matches(match, kind, frame) {
return kind === match?.kind && match.where.every(([path, value]) => at(frame, path) === value);
}
function shown(key) {
return JSON.stringify(key);
}
