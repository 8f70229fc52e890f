// The topics and the numbers of the service, read once a second.
import { problems, resolved } from "./console-schema.js";
import { ask, element, put, Refused, visible, written } from "./site.js";

const EVERY = 1_000;
const SAMPLES = 60;
const MOST_ROWS = 100;
const RETAINED_SHOWN = 5;
const RETAINED_CHARACTERS = 1_000;
const SVG = "http://www.w3.org/2000/svg";
const numbers = new Intl.NumberFormat("en");
const rates = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/**
 * The topics. Events: "subscribe" and "unsubscribe" (detail: the topic), "choose" (detail: the topic), "appeared"
 * (detail: a topic that was not there before), "numbers" (detail: those of the whole service, or null).
 */
class ConsoleTopics extends HTMLElement {
  /** The topic that was clicked last; null if it is gone. */
  chosen = null;
  #history = new Map();
  #rows = new Map();
  #last = null;
  /** Whether the service does not answer: what is shown is old, and nothing can be done with it. */
  #stale = true;
  #asked = 0;
  #mine = new Map();
  #canSubscribe = false;
  #retainedText = "";
  #name;
  #body;
  #note;
  #filter;
  #detail;
  #more;

  connectedCallback() {
    this.#name = element("input", { id: "new-topic", required: true, autocomplete: "off", placeholder: "New topic", ariaLabel: "Name of the new topic", oninput: () => this.#wrong("") });
    this.#name.setAttribute("aria-describedby", "topics-note");
    const form = element("form", { className: "tools" }, this.#name, element("button", {}, "Create"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act(() => this.#create(this.#name.value));
    });
    this.#filter = element("input", { type: "search", placeholder: "Filter topics", ariaLabel: "Show only topics with this text", oninput: () => this.#show() });
    form.append(this.#filter);
    this.#note = element("p", { className: "problem", role: "status", id: "topics-note" });
    this.#body = element("tbody");
    this.#more = element("p", { className: "soft" });
    this.#detail = element("section", { className: "retained", ariaLabel: "Last messages" });
    const heads = ["Topic", "Subscribers", "Messages", "A second", "Last minute", ""].map((text) => element("th", { scope: "col" }, text || element("span", { className: "heard" }, "Actions")));
    const scroller = element("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: "Table of topics" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.#body));
    this.replaceChildren(form, this.#note, scroller, this.#more, this.#detail);
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    this.#poll();
  }

  /** Whether there is a connection and a command to subscribe with; and its subscriptions, each with what it waits for. */
  subscriptions(possible, topics) {
    this.#canSubscribe = possible;
    this.#mine = topics;
    this.#show();
  }

  async #poll() {
    if (!document.hidden) await this.refresh();
    setTimeout(() => this.#poll(), EVERY);
  }

  /** Read the numbers now. */
  async refresh() {
    const asked = ++this.#asked;
    try {
      const signal = AbortSignal.timeout(5_000);
      const [{ topics }, health] = await Promise.all([ask("stats", { signal }), ask("health", { signal })]);
      // What was asked before is older than what is known.
      if (asked !== this.#asked) return;
      this.#stale = false;
      if (this.#note.dataset.kind === "poll") this.#say("", "");
      this.#take(topics, health, performance.now());
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#stale = true;
      const since = this.#last ? ` The list is that of ${this.#last.at.toLocaleTimeString()}.` : "";
      this.#say((error instanceof Refused ? error.message : "The service does not answer.") + since, "poll");
      this.dispatchEvent(new CustomEvent("numbers", { detail: null }));
      this.#show();
    }
  }

  #take(topics, health, now) {
    const seconds = this.#last ? (now - this.#last.now) / 1000 : 0;
    const appeared = Object.keys(topics).filter((name) => !this.#last || !Object.hasOwn(this.#last.topics, name));
    let rate = 0;
    let dropped = 0;
    for (const [name, stats] of Object.entries(topics)) {
      const before = this.#last && Object.hasOwn(this.#last.topics, name) ? this.#last.topics[name] : undefined;
      // A smaller count is that of a new topic of the same name.
      const since = before && before.messages <= stats.messages ? stats.messages - before.messages : stats.messages;
      const history = this.#history.get(name) ?? [];
      if (seconds > 0) history.push(since / seconds);
      if (history.length > SAMPLES) history.shift();
      this.#history.set(name, history);
      rate += history.at(-1) ?? 0;
      dropped += stats.dropped;
    }
    for (const name of this.#history.keys()) if (!Object.hasOwn(topics, name)) this.#history.delete(name);
    this.#last = { topics, now, at: new Date() };
    this.dispatchEvent(new CustomEvent("numbers", { detail: { ...health, rate, dropped } }));
    if (this.chosen !== null && !Object.hasOwn(topics, this.chosen)) this.#choose(null);
    this.#show();
    if (this.chosen !== null) this.#retained();
    for (const name of appeared) this.dispatchEvent(new CustomEvent("appeared", { detail: name }));
  }

  #show() {
    const wanted = this.#filter.value.toLowerCase();
    const listed = Object.keys(this.#last?.topics ?? {});
    // A subscription waits for a topic that is not there, too.
    const waiting = this.#last ? [...this.#mine.keys()].filter((name) => !Object.hasOwn(this.#last.topics, name)) : [];
    const names = [...waiting, ...listed].filter((name) => name.toLowerCase().includes(wanted));
    const shown = names.slice(0, MOST_ROWS);
    const focused = this.#body.contains(document.activeElement) ? document.activeElement : null;
    const before = focused ? [...this.#body.children].indexOf(focused.closest("tr")) : 0;
    const kept = new Set(shown);
    for (const [name, row] of this.#rows) {
      if (!kept.has(name)) {
        row.element.remove();
        this.#rows.delete(name);
      }
    }
    shown.forEach((name, index) => {
      const row = this.#rows.get(name) ?? this.#row(name);
      this.#fill(row, name, listed.length && Object.hasOwn(this.#last.topics, name) ? this.#last.topics[name] : null);
      if (this.#body.children[index] !== row.element) this.#body.insertBefore(row.element, this.#body.children[index] ?? null);
    });
    // Whoever was in a row that is gone goes on in the next, at its name: there a key more does no harm.
    if (focused && document.activeElement !== focused) {
      if (focused.isConnected) focused.focus({ preventScroll: true });
      else (this.#body.children[Math.min(before, this.#body.children.length - 1)]?.querySelector(".name") ?? this.#name).focus();
    }
    const left = names.length - shown.length;
    const none = wanted ? "No topic has this text in its name." : "There are no topics yet: create one.";
    put(this.#more, left ? `${numbers.format(left)} more: filter to see them.` : names.length || !this.#last ? "" : none);
  }

  #row(name) {
    const pick = element("button", { type: "button", className: "name", title: name, onclick: () => this.#pick(name) }, name);
    const waits = element("span", { className: "waits" });
    const counts = ["subscribers", "messages", "a second"].map((label) => element("td", { className: "number", dataset: { label } }));
    const line = document.createElementNS(SVG, "polyline");
    const chart = document.createElementNS(SVG, "svg");
    chart.setAttribute("viewBox", "0 0 120 24");
    chart.setAttribute("role", "img");
    chart.setAttribute("class", "spark");
    chart.append(line);
    const subscribe = element("button", { type: "button", onclick: () => this.#subscribe(name) });
    const remove = element("button", { type: "button", className: "delete", ariaLabel: `Delete ${name}`, onclick: () => this.#delete(name) }, "Delete");
    const made = element("tr", { dataset: { topic: name } }, element("th", { scope: "row" }, pick, waits), ...counts, element("td", {}, chart), element("td", { className: "actions" }, subscribe, remove));
    const row = { element: made, pick, waits, counts, line, chart, subscribe, remove, sure: 0 };
    this.#rows.set(name, row);
    return row;
  }

  /** Show a topic's numbers; null for one that is not there. */
  #fill(row, name, stats) {
    const history = this.#history.get(name) ?? [];
    const rate = history.at(-1) ?? 0;
    put(row.counts[0], stats ? numbers.format(stats.subscribers) : "\u2013");
    put(row.counts[1], stats ? numbers.format(stats.messages) : "\u2013");
    put(row.counts[2], stats ? rates.format(rate) : "\u2013");
    const most = Math.max(...history, 1);
    row.line.setAttribute("points", history.map((value, index) => `${((index + SAMPLES - history.length) * 120) / (SAMPLES - 1)},${23 - (value / most) * 22}`).join(" "));
    row.chart.setAttribute("aria-label", `messages a second in the last minute: now ${rates.format(rate)}, at most ${rates.format(Math.max(...history, 0))}`);
    const mine = this.#mine.has(name);
    const waits = this.#mine.get(name) ?? "";
    put(row.waits, waits && `subscription pending: ${waits}`);
    put(row.subscribe, mine ? "Unsubscribe" : "Subscribe");
    row.subscribe.ariaLabel = visible(`${mine ? "Unsubscribe from" : "Subscribe to"} ${name}`);
    // Not `disabled`: the focus would be lost whenever the service is.
    row.subscribe.ariaDisabled = String(!waits && !(this.#canSubscribe && (stats || mine)));
    row.pick.ariaDisabled = row.remove.ariaDisabled = String(this.#stale || !stats);
    row.element.classList.toggle("mine", mine);
    row.element.classList.toggle("stale", this.#stale || !stats);
    row.pick.setAttribute("aria-pressed", String(this.chosen === name));
  }

  #pick(name) {
    if (this.#rows.get(name).pick.ariaDisabled === "true") return;
    this.#choose(name);
    this.dispatchEvent(new CustomEvent("choose", { detail: name }));
    if (this.#canSubscribe && !this.#mine.has(name)) this.#subscribe(name);
    this.#show();
    this.#retained();
  }

  /** Take `name`, or none, for the one whose messages are shown. */
  #choose(name) {
    this.chosen = name;
    this.#retainedText = "";
    this.#detail.replaceChildren();
  }

  #subscribe(name) {
    if (this.#rows.get(name).subscribe.ariaDisabled === "true") return;
    this.dispatchEvent(new CustomEvent(this.#mine.has(name) ? "unsubscribe" : "subscribe", { detail: name }));
  }

  /** Create a topic. The service decides; why it refuses is said in the words of the document, where that has some. */
  async #create(name) {
    try {
      await ask("topics", { method: "POST", body: { name } });
      this.#name.value = "";
    } catch (error) {
      if (error.status === 400) this.#wrong("true");
      throw error.status === 400 ? new Error((await wrongs({ name })) || error.message) : error;
    } finally {
      this.#name.focus();
    }
  }

  #wrong(invalid) {
    if (invalid) this.#name.ariaInvalid = invalid;
    else this.#name.removeAttribute("aria-invalid");
  }

  #delete(name) {
    const row = this.#rows.get(name);
    if (row.remove.ariaDisabled === "true") return;
    clearTimeout(row.sure);
    const again = row.remove.dataset.sure !== undefined;
    if (again) delete row.remove.dataset.sure;
    else row.remove.dataset.sure = "yes";
    put(row.remove, again ? "Delete" : "Sure?");
    if (again) this.#act(() => this.#remove(name));
    else {
      row.sure = setTimeout(() => this.#rows.get(name) === row && row.remove.dataset.sure && this.#unsure(row), 3_000);
      // Whoever is asked sees whether it is there at all.
      this.refresh();
    }
  }

  #unsure(row) {
    delete row.remove.dataset.sure;
    put(row.remove, "Delete");
  }

  async #remove(name) {
    try {
      await ask(`topics/${encodeURIComponent(name)}`, { method: "DELETE" });
    } catch (error) {
      throw error.status === 404 ? new Error(`${name} was gone already.`) : error;
    }
  }

  async #retained() {
    const name = this.chosen;
    try {
      const { events } = await ask(`topics/${encodeURIComponent(name)}/messages?last_n=${RETAINED_SHOWN}`, { exact: true, signal: AbortSignal.timeout(5_000) });
      if (name !== this.chosen) return;
      const lines = events.reverse().map((event) => [event.ts, (written(event.message) ?? "").slice(0, RETAINED_CHARACTERS)]);
      const text = JSON.stringify(lines);
      // What did not change stays: somebody may be copying from it.
      if (text === this.#retainedText) return;
      this.#retainedText = text;
      const items = lines.map(([ts, message]) => element("li", {}, element("time", {}, ts), element("code", {}, message)));
      const list = items.length ? element("ol", { tabIndex: 0, ariaLabel: `Last messages of ${name}` }, ...items) : element("p", { className: "soft" }, "None is retained.");
      const focused = this.#detail.contains(document.activeElement);
      this.#detail.replaceChildren(element("h3", {}, `Last messages of ${name}`), list);
      if (focused) list.focus({ preventScroll: true });
    } catch (error) {
      if (name !== this.chosen) return;
      this.#choose(error.status === 404 ? null : name);
      if (error.status !== 404) this.#detail.replaceChildren(element("p", { className: "soft" }, error.message));
    }
  }

  async #act(action) {
    this.#say("", "");
    try {
      await action();
    } catch (error) {
      this.#say(error instanceof TypeError ? "The service does not answer." : error.message, "act");
    }
    await this.refresh();
  }

  #say(text, kind) {
    put(this.#note, text);
    this.#note.dataset.kind = kind;
  }
}

/** What is wrong with a new topic, by the document; "" if nothing is, or it cannot be read. */
async function wrongs(body) {
  try {
    const document_ = await ask("openapi.json");
    const { requestBody } = document_.paths["/topics"].post;
    const [content] = Object.values(resolved(document_, requestBody).content);
    return problems(document_, content.schema, body).join("; ");
  } catch {
    return "";
  }
}

customElements.define("console-topics", ConsoleTopics);

/** The numbers of the whole service. */
class ConsoleServer extends HTMLElement {
  /** Show `found`, or that there are none. */
  show(found) {
    const rows = found
      ? [
          ["Up for", duration(found.uptime_sec)],
          ["Connections", numbers.format(found.connections)],
          ["Topics", numbers.format(found.topics)],
          ["Subscriptions", numbers.format(found.subscribers)],
          ["Messages", `${rates.format(found.rate)}/s`],
          ["Dropped", numbers.format(found.dropped)],
        ]
      : [];
    this.replaceChildren(element("dl", {}, ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))));
  }
}

customElements.define("console-server", ConsoleServer);

function duration(seconds) {
  const parts = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .map(([size, unit], index) => `${Math.floor(index ? (seconds % parts[first][0]) / size : seconds / size)} ${unit}`)
    .join(" ");
}
