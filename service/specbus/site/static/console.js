// The console: it puts the connection, the commands, the log and the topics together.
import "./console-topics.js";
import { Contract } from "./console-contract.js";
import { Link } from "./console-link.js";
import { Entry } from "./console-log.js";
import { Subscriptions } from "./console-subscriptions.js";
import { apiKey, ask, element, parsed, put, reference, root, written } from "./site.js";

const MOST_UNANSWERED = 1_000;
const MOST_PROBLEMS = 8;
const at = (id) => document.getElementById(id);
const log = at("log");
const topics = at("topics");

let contract = null;
let command = null;
let ids = 0;
/** What was made up for the frame in the editor, to be made up anew for the next. */
let madeUp = [];
/** The frames that await an answer, oldest first. */
const unanswered = [];
/** The entry whose outcome stands below the editor. */
let shownResult = null;
const session = uuid().slice(0, 8);
let probeId = "";
let probedAt = 0;

const link = new Link(() => {
  const url = new URL(contract.address.replace(/^\//, ""), root);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}, probe);

const subscriptions = new Subscriptions((frame) => {
  const fresh = structuredClone(frame);
  const one = contract.command(fresh);
  if (!one) return null; // the service came back without it
  personal(fresh, one, false);
  return send(JSON.stringify(fresh), fresh, contract.problems(fresh));
});

log.digest = (text) => contract?.digest(text) ?? text;
link.addEventListener("state", showState);
link.addEventListener("open", opened);
link.addEventListener("lost", ({ detail }) => lost(detail));
link.addEventListener("frame", ({ detail }) => received(detail));
link.addEventListener("news", ({ detail }) => tell(detail));
subscriptions.addEventListener("news", ({ detail }) => tell(detail));
subscriptions.addEventListener("change", tellTopics);
at("connect").addEventListener("click", () => (link.state === "off" ? start() : link.disconnect()));
at("editor").addEventListener("input", judge);
at("example").addEventListener("change", () => fill(Number(at("example").value)));
at("send").addEventListener("click", sendEditor);
at("editor").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    sendEditor();
  }
});
at("show").addEventListener("click", () => log.find(shownResult) || put(at("result"), `${at("result").textContent} (the log has left it out, or filters it)`));
topics.addEventListener("numbers", ({ detail }) => at("server").show(detail));
topics.addEventListener("choose", ({ detail }) => inEditor(detail));
topics.addEventListener("appeared", ({ detail }) => subscriptions.retry(detail));
topics.addEventListener("subscribe", ({ detail }) => about(detail, contract.stream.start));
topics.addEventListener("unsubscribe", ({ detail }) => {
  // One that is not live is not known to the service.
  if (subscriptions.shown.get(detail)) subscriptions.forget(detail);
  else about(detail, contract.stream.stop);
});
addEventListener("hashchange", () => choose(linked()));

await start();

/** Connect, as soon as the contract is known: it says where to. */
async function start() {
  if (contract || (await learn())) link.connect();
}

/** Read the document, and offer what is in it. */
async function learn() {
  try {
    const document_ = await ask("asyncapi.json", { signal: AbortSignal.timeout(5_000) });
    const text = JSON.stringify(document_);
    if (text === learn.text) return true;
    learn.text = text;
    contract = new Contract(document_);
    log.kinds(contract.commands.map((one) => one.type), contract.kinds);
    offer();
    return true;
  } catch (error) {
    // The one from before is better than none.
    if (contract) return false;
    put(at("state"), `The contract cannot be read: ${error.message}`);
    at("commands").removeAttribute("aria-busy");
    at("connect").disabled = false;
    return false;
  }
}

function offer() {
  const focused = at("commands").contains(document.activeElement);
  const buttons = contract.commands.map((one) => element("button", { type: "button", title: one.summary, dataset: { command: one.name }, onclick: () => choose(one) }, one.title));
  at("commands").replaceChildren(...buttons);
  at("commands").removeAttribute("aria-busy");
  choose(contract.commands.find((one) => one.name === command?.name) ?? linked() ?? contract.commands[0]);
  if (focused) at("commands").querySelector("[aria-pressed=true]")?.focus();
}

/** The command that the page's address names. */
function linked() {
  return contract?.commands.find((one) => `#${encodeURIComponent(one.name)}` === location.hash);
}

function choose(one) {
  if (!one) return;
  command = one;
  for (const button of at("commands").children) button.setAttribute("aria-pressed", String(button.dataset.command === one.name));
  at("about").replaceChildren(...marked(one.summary));
  at("more").hidden = !one.description;
  at("description").replaceChildren(...marked(one.description), " ", element("a", { href: reference.websocket(one.name) }, "Reference"));
  const options = one.examples.map((example, index) => element("option", { value: String(index) }, example.summary ?? example.name ?? `Example ${index + 1}`));
  at("example").replaceChildren(...options);
  at("example").parentElement.hidden = options.length < 2;
  fill(0);
}

/** What stands between backticks is code; the rest is text. */
function marked(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : element("span", {}, part)));
}

/** Put an example into the editor, with an id and UUIDs of its own. */
function fill(index) {
  const frame = structuredClone(command.examples[index].payload);
  personal(frame, command);
  if (topics.chosen !== null && typeof frame[contract.stream?.key] === "string") frame[contract.stream.key] = topics.chosen;
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
  const left = found.length - MOST_PROBLEMS;
  const lines = [...found.slice(0, MOST_PROBLEMS), ...(left > 0 ? [`and ${left} more`] : [])];
  at("problems").replaceChildren(...lines.map((problem) => element("li", {}, problem)));
  at("problems").hidden = found.length === 0;
  at("send").textContent = found.length ? "Send anyway" : "Send";
  at("send").classList.toggle("warn", found.length > 0);
  // Not `disabled`: the focus would be lost whenever a connection is.
  at("send").ariaDisabled = String(link.state !== "open");
  return { text, frame, found };
}

function sendEditor() {
  const { text, frame, found } = judge();
  // One line, if that changes nothing else: as programs send it.
  const compact = written(frame, 2) === text ? written(frame) : text;
  const entry = send(compact, frame, found);
  shownResult = entry;
  if (!entry) {
    showResult("failure", "Not sent: there is no connection.");
    return;
  }
  result(entry);
  let next = text;
  madeUp = madeUp.map(([value, make]) => {
    const fresh = make();
    next = next.replace(JSON.stringify(value), JSON.stringify(fresh));
    return [fresh, make];
  });
  at("editor").value = next;
}

/** Send a frame and put it in the log. Returns its entry; null if there is no connection. */
function send(text, frame, found) {
  if (!link.send(text)) return null;
  const entry = new Entry("sent", kindOf(frame), found.length ? "broken" : "command", text);
  if (found.length) entry.note = `breaks the contract: ${found[0]}`;
  const due = found.length > 0 || contract.command(frame).replies.size > 0;
  entry.verdict = due ? "waits for its answer" : "sent; no answer is due";
  unanswered.push({ entry, frame, due, broken: found.length > 0, at: performance.now() });
  if (unanswered.length > MOST_UNANSWERED) settle(unanswered.shift(), "no answer so far");
  log.add(entry);
  return entry;
}

/** Say what became of a sent frame. */
function settle({ entry, due }, verdict, words = "") {
  if (!due && words === "") return;
  entry.verdict = verdict;
  entry.words = words;
  log.update(entry);
  if (entry === shownResult) result(entry);
}

function result(entry) {
  const kind = { answered: "good", refused: "failure" }[entry.verdict] ?? (entry.verdict.startsWith("lost") ? "failure" : "");
  showResult(kind, `${entry.kind || "frame"} #${entry.number}: ${entry.verdict}${entry.words ? `, ${entry.words}` : ""}`);
}

function showResult(kind, text) {
  at("result").dataset.kind = kind;
  put(at("result"), text.length > 400 ? `${text.slice(0, 400)}\u2026` : text);
  at("show").hidden = shownResult === null;
}

function received(text) {
  const frame = parsed(text);
  const tie = contract.correlation(frame);
  if (tie !== undefined && tie === probeId) {
    put(at("latency"), `${(performance.now() - probedAt).toFixed(1)} ms`);
    probeId = "";
    return;
  }
  const kind = kindOf(frame);
  const bad = contract.errors.has(kind);
  const entry = new Entry("got", kind, bad ? "error" : contract.replies.has(kind) ? "reply" : "unasked", text);
  // A colour for each kind that comes unasked.
  entry.tone = contract.kinds.indexOf(kind) % 3;
  const asked = askedBy(frame, kind, tie, bad);
  if (asked) {
    unanswered.splice(unanswered.indexOf(asked), 1);
    const took = `${(performance.now() - asked.at).toFixed(1)} ms`;
    entry.note = `answers ${asked.entry.kind || "frame"} #${asked.entry.number} after ${took}`;
    settle(asked, bad ? "refused" : "answered", bad ? contract.refusal(frame) : `after ${took}`);
    learnSubscriptions(asked, bad ? contract.refusal(frame) : "");
  }
  const over = contract.ended(frame);
  if (over !== undefined) {
    subscriptions.forget(over);
    topics.refresh();
  }
  log.add(entry);
}

/**
 * The sent frame that `frame` answers. Frames are answered in their order: an answer without an id is that of the
 * oldest that has none, or none that the service could read.
 */
function askedBy(frame, kind, tie, bad) {
  if (tie !== undefined) return unanswered.find((one) => contract.correlation(one.frame) === tie);
  if (contract.isUnasked(frame) || !(bad || contract.replies.has(kind))) return undefined;
  return unanswered.find((one) => (one.broken ? bad : contract.correlation(one.frame) === undefined && (bad || contract.command(one.frame)?.replies.has(kind))));
}

function learnSubscriptions({ frame }, why) {
  const { start, stop, key, once = [] } = contract.stream ?? {};
  const name = contract.command(frame)?.name;
  if (name === undefined || (name !== start && name !== stop)) return;
  if (name === start && why) subscriptions.refused(frame[key], why);
  else if (name === start) subscriptions.accepted(frame[key], Object.fromEntries(Object.entries(frame).filter(([field]) => !once.includes(field))));
  else if (!why) subscriptions.forget(frame[key]);
  if (why) topics.refresh();
}

/** Send the command `name` for a topic: its example, with no more than it needs. */
function about(topic, name) {
  const one = contract.commands.find((each) => each.name === name);
  if (!one) return;
  const example = one.examples[0].payload;
  const frame = Object.fromEntries(one.needs.map((field) => [field, example[field]]));
  personal(frame, one, false);
  frame[contract.stream.key] = topic;
  send(JSON.stringify(frame), frame, contract.problems(frame));
}

/** Have the frame in the editor be about this topic. */
function inEditor(topic) {
  const frame = parsed(at("editor").value);
  const key = contract?.stream?.key;
  // What is being written stays.
  if (typeof frame?.[key] !== "string" || written(frame, 2) !== at("editor").value) return;
  frame[key] = topic;
  at("editor").value = JSON.stringify(frame, null, 2);
  judge();
}

async function opened() {
  // The service may have come back with other documents.
  await learn();
  subscriptions.opened();
  topics.refresh();
}

/** What was sent and not answered is lost with the connection: nobody knows whether it was carried out. */
function lost(why) {
  probeId = "";
  for (const one of unanswered.splice(0)) settle(one, "lost with the connection", why);
  subscriptions.lost();
}

/** Put news of the connection into the log. */
function tell({ kind, text, bad }) {
  log.add(new Entry("connection", kind, bad ? "failure" : "news", text));
}

function showState() {
  const words = { off: "Not connected", connecting: "Connecting", open: "Connected", waiting: "Trying again" };
  const key = link.state === "waiting" && apiKey.get() ? " A browser cannot send an API key with a WebSocket: frames need another client." : "";
  put(at("state"), words[link.state] + (link.detail ? ` (${link.detail})` : "") + key);
  at("state").dataset.state = link.state;
  at("connect").textContent = link.state === "off" ? "Connect" : "Disconnect";
  at("connect").disabled = false;
  if (link.state !== "open") at("latency").textContent = "";
  if (link.state === "off") subscriptions.clear();
  if (contract) judge();
  tellTopics();
}

function tellTopics() {
  topics.subscriptions(link.state === "open" && Boolean(contract?.stream), subscriptions.shown);
}

function kindOf(frame) {
  return frame?.type === undefined ? "" : (typeof frame.type === "string" ? frame.type : (written(frame.type) ?? "")).slice(0, 64);
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
