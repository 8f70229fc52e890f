// The topics and the numbers of the service, read once a second.
import { ask, element, Refused } from "./site.js";

const EVERY = 1_000;
const SAMPLES = 60;
const MOST_ROWS = 100;
const RETAINED_SHOWN = 5;
const SVG = "http://www.w3.org/2000/svg";
const numbers = new Intl.NumberFormat("en");
const rates = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/**
 * The topics. Events: "subscribe" and "unsubscribe" (detail: the topic), "choose" (detail: the topic),
 * "numbers" (detail: those of the whole service).
 */
class ConsoleTopics extends HTMLElement {
  #history = new Map();
  #rows = new Map();
  #last = null;
  #mine = new Set();
  #chosen = null;
  #canSubscribe = false;
  #body;
  #note;
  #filter;
  #detail;
  #more;

  connectedCallback() {
    const name = element("input", { id: "new-topic", required: true, autocomplete: "off", placeholder: "New topic" });
    name.setAttribute("aria-label", "Name of the new topic");
    const form = element("form", { className: "tools" }, name, element("button", {}, "Create"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act(async () => {
        await ask("topics", { method: "POST", body: { name: name.value } });
        name.value = "";
      });
    });
    this.#filter = element("input", { type: "search", placeholder: "Filter topics", oninput: () => this.#show() });
    this.#filter.setAttribute("aria-label", "Show only topics with this text");
    form.append(this.#filter);
    this.#note = element("p", { className: "problem", role: "status" });
    this.#body = element("tbody");
    this.#more = element("p", { className: "soft" });
    this.#detail = element("section", { className: "retained", ariaLabel: "Last messages" });
    const heads = ["Topic", "Subscribers", "Messages", "A second", "Last minute", ""].map((text) => element("th", { scope: "col" }, text || element("span", { className: "heard" }, "Actions")));
    const scroller = element("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: "Table of topics" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.#body));
    this.replaceChildren(form, this.#note, scroller, this.#more, this.#detail);
    this.#poll();
  }

  /** Whether there is a connection and a command to subscribe with, and to which topics it is subscribed. */
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
    try {
      const [{ topics }, health] = await Promise.all([
        ask("stats", { signal: AbortSignal.timeout(5_000) }),
        ask("health", { signal: AbortSignal.timeout(5_000) }),
      ]);
      this.#take(topics, health, performance.now());
      if (this.#note.dataset.kind === "poll") this.#say("", "");
    } catch (error) {
      this.#say(error instanceof Refused ? error.message : "The service does not answer.", "poll");
      this.dispatchEvent(new CustomEvent("numbers", { detail: null }));
      this.#last = null;
    }
  }

  #take(topics, health, now) {
    const seconds = this.#last ? (now - this.#last.now) / 1000 : 0;
    let rate = 0;
    let dropped = 0;
    for (const [name, stats] of Object.entries(topics)) {
      const before = this.#last?.topics[name];
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
    this.#last = { topics, now };
    this.dispatchEvent(new CustomEvent("numbers", { detail: { ...health, rate, dropped } }));
    this.#show();
    if (this.#chosen === null) return;
    if (Object.hasOwn(topics, this.#chosen)) this.#retained();
    else {
      this.#chosen = null;
      this.#detail.replaceChildren();
    }
  }

  #show() {
    if (!this.#last) return;
    const wanted = this.#filter.value.toLowerCase();
    const names = Object.keys(this.#last.topics).filter((name) => name.toLowerCase().includes(wanted));
    const shown = names.slice(0, MOST_ROWS);
    for (const [name, row] of this.#rows) {
      if (!shown.includes(name)) {
        row.element.remove();
        this.#rows.delete(name);
      }
    }
    shown.forEach((name, index) => {
      const row = this.#rows.get(name) ?? this.#row(name);
      this.#fill(row, name, this.#last.topics[name]);
      if (this.#body.children[index] !== row.element) this.#body.insertBefore(row.element, this.#body.children[index] ?? null);
    });
    const left = names.length - shown.length;
    this.#more.textContent = left ? `${numbers.format(left)} more: filter to see them.` : names.length ? "" : wanted ? "No topic has this text in its name." : "There are no topics yet: create one.";
  }

  #row(name) {
    const pick = element("button", { type: "button", className: "name", title: "Show its last messages, and subscribe", onclick: () => this.#choose(name) }, name);
    const counts = ["subscribers", "messages", "a second"].map((label) => element("td", { className: "number", dataset: { label } }));
    const line = document.createElementNS(SVG, "polyline");
    const chart = document.createElementNS(SVG, "svg");
    chart.setAttribute("viewBox", "0 0 120 24");
    chart.setAttribute("role", "img");
    chart.setAttribute("class", "spark");
    chart.append(line);
    const subscribe = element("button", { type: "button", onclick: () => this.#subscribe(name) });
    const remove = element("button", { type: "button", className: "delete", onclick: () => this.#delete(name, remove) }, "Delete");
    remove.setAttribute("aria-label", `Delete ${name}`);
    const made = element("tr", { dataset: { topic: name } }, element("th", { scope: "row" }, pick), ...counts, element("td", {}, chart), element("td", { className: "actions" }, subscribe, remove));
    const row = { element: made, pick, counts, line, chart, subscribe };
    this.#rows.set(name, row);
    return row;
  }

  #fill(row, name, stats) {
    const history = this.#history.get(name) ?? [];
    const rate = history.at(-1) ?? 0;
    put(row.counts[0], numbers.format(stats.subscribers));
    put(row.counts[1], numbers.format(stats.messages));
    put(row.counts[2], rates.format(rate));
    const most = Math.max(...history, 1);
    row.line.setAttribute("points", history.map((value, index) => `${((index + SAMPLES - history.length) * 120) / (SAMPLES - 1)},${23 - (value / most) * 22}`).join(" "));
    row.chart.setAttribute("aria-label", `messages a second in the last minute: now ${rates.format(rate)}, at most ${rates.format(Math.max(...history, 0))}`);
    const mine = this.#mine.has(name);
    put(row.subscribe, mine ? "Unsubscribe" : "Subscribe");
    row.subscribe.setAttribute("aria-label", `${mine ? "Unsubscribe from" : "Subscribe to"} ${name}`);
    row.subscribe.disabled = !this.#canSubscribe;
    row.element.classList.toggle("mine", mine);
    row.pick.setAttribute("aria-pressed", String(this.#chosen === name));
  }

  #choose(name) {
    this.#chosen = name;
    this.dispatchEvent(new CustomEvent("choose", { detail: name }));
    if (this.#canSubscribe && !this.#mine.has(name)) this.#subscribe(name);
    this.#show();
    this.#retained();
  }

  #subscribe(name) {
    this.dispatchEvent(new CustomEvent(this.#mine.has(name) ? "unsubscribe" : "subscribe", { detail: name }));
  }

  #delete(name, button) {
    if (button.dataset.sure) {
      this.#act(() => ask(`topics/${encodeURIComponent(name)}`, { method: "DELETE" }));
      return;
    }
    button.dataset.sure = "yes";
    button.textContent = "Sure?";
    setTimeout(() => {
      delete button.dataset.sure;
      button.textContent = "Delete";
    }, 3_000);
  }

  async #retained() {
    const name = this.#chosen;
    try {
      const { events } = await ask(`topics/${encodeURIComponent(name)}/messages?last_n=${RETAINED_SHOWN}`, { exact: true });
      if (name !== this.#chosen) return;
      const items = events.reverse().map((event) => element("li", {}, element("time", {}, event.ts), element("code", {}, JSON.stringify(event.message))));
      const list = items.length ? element("ol", {}, ...items) : element("p", { className: "soft" }, "None is retained.");
      this.#detail.replaceChildren(element("h3", {}, `Last messages of ${name}`), list);
    } catch (error) {
      if (name !== this.#chosen) return;
      this.#chosen = error.status === 404 ? null : this.#chosen;
      this.#detail.replaceChildren(element("p", { className: "soft" }, error.message));
    }
  }

  async #act(action) {
    this.#say("", "");
    try {
      await action();
    } catch (error) {
      this.#say(error.message, "act");
    }
    await this.refresh();
  }

  #say(text, kind) {
    this.#note.textContent = text;
    this.#note.dataset.kind = kind;
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

function put(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

function duration(seconds) {
  const parts = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .map(([size, unit], index) => `${Math.floor(index ? (seconds % parts[first][0]) / size : seconds / size)} ${unit}`)
    .join(" ");
}
