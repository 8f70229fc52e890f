// The console: it puts the connection, the commands, the log and the topics together.
import "./console-topics.js";
import { Contract } from "./console-contract.js";
import { Link } from "./console-link.js";
import { Entry } from "./console-log.js";
import { apiKey, ask, element, root } from "./site.js";

const MOST_UNANSWERED = 1_000;
const at = (id) => document.getElementById(id);
const log = at("log");
const topics = at("topics");

let contract = null;
let command = null;
let ids = 0;
/** What was made up for the frame in the editor, to be made up anew for the next. */
let madeUp = [];
/** The frames that await an answer, by what ties them to it. */
const unanswered = new Map();
/** The topics that this connection is subscribed to, by what their answers said. */
const subscribed = new Set();
const session = uuid().slice(0, 8);
let probeId = "";
let probedAt = 0;

const link = new Link(() => {
  const url = new URL(contract.address.replace(/^\//, ""), root);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}, probe);

link.addEventListener("state", showState);
link.addEventListener("open", opened);
link.addEventListener("frame", ({ detail }) => received(detail));
at("connect").addEventListener("click", () => (link.state === "off" ? link.connect() : link.disconnect()));
at("editor").addEventListener("input", judge);
at("example").addEventListener("change", () => fill(Number(at("example").value)));
at("send").addEventListener("click", sendEditor);
at("editor").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    sendEditor();
  }
});
topics.addEventListener("numbers", ({ detail }) => at("server").show(detail));
topics.addEventListener("choose", ({ detail }) => inEditor(detail));
topics.addEventListener("subscribe", ({ detail }) => about(detail, "subscribe"));
topics.addEventListener("unsubscribe", ({ detail }) => about(detail, "unsubscribe"));

if (await learn()) link.connect();

/** Read the document, and offer what is in it. */
async function learn() {
  try {
    const document_ = await ask("asyncapi.json");
    const text = JSON.stringify(document_);
    if (text === learn.text) return true;
    learn.text = text;
    contract = new Contract(document_);
    log.kinds(contract.commands.map((one) => one.type), contract.kinds);
    offer();
    return true;
  } catch (error) {
    at("state").textContent = `The contract cannot be read: ${error.message}`;
    at("commands").replaceChildren();
    return false;
  }
}

function offer() {
  const buttons = contract.commands.map((one) => {
    const button = element("button", { type: "button", title: one.summary, onclick: () => choose(one) }, one.title);
    button.dataset.command = one.name;
    return button;
  });
  at("commands").replaceChildren(...buttons);
  at("commands").removeAttribute("aria-busy");
  choose(contract.commands.find((one) => one.name === command?.name) ?? contract.commands[0]);
}

function choose(one) {
  command = one ?? null;
  for (const button of at("commands").children) button.setAttribute("aria-pressed", String(button.dataset.command === one?.name));
  if (!one) return;
  // What stands between backticks is code; the rest is text.
  const parts = [one.summary, one.description].filter(Boolean).join(" ").split("`");
  at("about").replaceChildren(...parts.map((part, index) => (index % 2 ? element("code", {}, part) : part)));
  const options = one.examples.map((example, index) => element("option", { value: String(index) }, example.summary ?? example.name ?? `Example ${index + 1}`));
  at("example").replaceChildren(...options);
  at("example").parentElement.hidden = options.length < 2;
  fill(0);
}

/** Put an example into the editor, with an id and UUIDs of its own. */
function fill(index) {
  const frame = structuredClone(command.examples[index].payload);
  personal(frame, command);
  const chosen = topics.querySelector("[aria-pressed=true]")?.textContent;
  if (chosen && typeof frame.topic === "string") frame.topic = chosen;
  at("editor").value = JSON.stringify(frame, null, 2);
  judge();
}

/** Give `frame` an id and UUIDs of its own, and keep them in mind. */
function personal(frame, one, keep = true) {
  const fresh = [];
  if (one.correlated) {
    frame[one.field] = nextId();
    fresh.push([frame[one.field], nextId]);
  }
  for (const path of contract.uuids(one.schema)) {
    const last = path.at(-1);
    const holder = path.slice(0, -1).reduce((inside, name) => inside?.[name], frame);
    if (typeof holder?.[last] === "string" && last !== one.field) {
      holder[last] = uuid();
      fresh.push([holder[last], uuid]);
    }
  }
  if (keep) madeUp = fresh;
}

/** Say what is wrong with the frame in the editor; returns it, and the problems. */
function judge() {
  const text = at("editor").value;
  let frame;
  let found;
  try {
    frame = JSON.parse(text);
    found = contract.problems(frame);
  } catch (error) {
    found = [`not JSON: ${error.message}`];
  }
  at("problems").replaceChildren(...found.slice(0, 8).map((problem) => element("li", {}, problem)));
  at("problems").hidden = found.length === 0;
  at("send").textContent = found.length ? "Send anyway" : "Send";
  at("send").classList.toggle("warn", found.length > 0);
  at("send").disabled = link.state !== "open";
  return { text, frame, found };
}

function sendEditor() {
  const { text, frame, found } = judge();
  // One line, if that changes nothing else: as programs send it.
  const compact = frame !== undefined && JSON.stringify(frame, null, 2) === text ? JSON.stringify(frame) : text;
  if (!send(compact, frame, found)) return;
  let next = text;
  madeUp = madeUp.map(([value, make]) => {
    const fresh = make();
    next = next.replace(JSON.stringify(value), JSON.stringify(fresh));
    return [fresh, make];
  });
  at("editor").value = next;
}

/** Send a frame and put it in the log; false if there is no connection. */
function send(text, frame, found) {
  if (!link.send(text)) return false;
  const entry = new Entry("sent", frame?.type === undefined ? "" : String(frame.type), found.length ? "broken" : "command", text);
  if (found.length) entry.note = `breaks the contract: ${found[0]}`;
  const tie = contract.correlation(frame);
  if (tie !== undefined) {
    unanswered.set(tie, { entry, frame, at: performance.now() });
    if (unanswered.size > MOST_UNANSWERED) unanswered.delete(unanswered.keys().next().value);
  }
  log.add(entry);
  return true;
}

function received(text) {
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    frame = undefined;
  }
  const kind = frame?.type === undefined ? "" : String(frame.type);
  const tie = contract.correlation(frame);
  if (tie !== undefined && tie === probeId) {
    at("latency").textContent = `${(performance.now() - probedAt).toFixed(1)} ms`;
    probeId = "";
    return;
  }
  const bad = contract.errors.has(kind);
  const entry = new Entry("got", kind, bad ? "error" : contract.replies.has(kind) ? "reply" : "unasked", text);
  // A colour for each kind that comes unasked.
  entry.tone = contract.kinds.indexOf(kind) % 3;
  const asked = tie === undefined ? undefined : unanswered.get(tie);
  if (asked) {
    unanswered.delete(tie);
    const took = `${(performance.now() - asked.at).toFixed(1)} ms`;
    entry.note = `answers ${asked.frame.type} #${asked.entry.number} after ${took}`;
    asked.entry.verdict = bad ? "refused" : "answered";
    log.update(asked.entry);
    learnSubscriptions(asked.frame, bad);
  }
  if (frame?.msg === "topic_deleted" && subscribed.delete(frame.topic)) tellTopics();
  log.add(entry);
}

function learnSubscriptions(frame, bad) {
  const name = contract.commands.find((one) => one.type === frame.type)?.name;
  if (bad ? name !== "subscribe" && name !== "unsubscribe" : false) return;
  if (name === "subscribe" && !bad) subscribed.add(frame.topic);
  else if (name === "unsubscribe" || (name === "subscribe" && resubscribing.has(frame.topic))) subscribed.delete(frame.topic);
  resubscribing.delete(frame.topic);
  tellTopics();
}

const resubscribing = new Set();

/** Send the command `name` for a topic: its example, with no more than it needs. */
function about(topic, name) {
  const one = contract.commands.find((each) => each.name === name);
  if (!one) return;
  const example = one.examples[0].payload;
  const frame = Object.fromEntries(one.needs.map((field) => [field, example[field]]));
  personal(frame, one, false);
  frame.topic = topic;
  send(JSON.stringify(frame), frame, contract.problems(frame));
}

/** Have the frame in the editor be about this topic. */
function inEditor(topic) {
  try {
    const frame = JSON.parse(at("editor").value);
    if (typeof frame.topic !== "string" || JSON.stringify(frame, null, 2) !== at("editor").value) return;
    frame.topic = topic;
    at("editor").value = JSON.stringify(frame, null, 2);
    judge();
  } catch {
    // What is being written stays.
  }
}

async function opened() {
  unanswered.clear();
  // The service may have come back with other documents.
  await learn();
  for (const topic of subscribed) {
    resubscribing.add(topic);
    about(topic, "subscribe");
  }
}

function showState() {
  const words = { off: "Not connected", connecting: "Connecting", open: "Connected", waiting: "Trying again" };
  const key = link.state === "waiting" && apiKey.get() ? " A browser cannot send an API key with a WebSocket: frames need another client." : "";
  at("state").textContent = words[link.state] + (link.detail ? ` (${link.detail})` : "") + key;
  at("state").dataset.state = link.state;
  at("connect").textContent = link.state === "off" ? "Connect" : "Disconnect";
  at("connect").disabled = false;
  if (link.state !== "open") at("latency").textContent = "";
  if (link.state === "off") subscribed.clear();
  if (contract) judge();
  tellTopics();
}

function tellTopics() {
  const can = link.state === "open" && contract?.commands.some((one) => one.name === "subscribe");
  topics.subscriptions(Boolean(can), subscribed);
}

/** A frame that measures the way; it is not shown in the log. */
function probe() {
  if (!contract.probe) return null;
  probeId = `${session}-probe-${++ids}`;
  probedAt = performance.now();
  return JSON.stringify({ type: contract.probe.type, [contract.probe.field]: probeId });
}

function nextId() {
  return `${session}-${++ids}`;
}

/** A random UUID. `crypto.randomUUID` would want https. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
