// The log: frames, and news of the connection. It keeps the newest, and draws them by and by, the newest first.
import { element, parsed, put, written } from "./site.js";

const DRAW_EVERY = 100;
/** How many rows are drawn at once; the others are drawn next time. */
const DRAW_EVERY_IN_A_FLOOD = 500;
const DRAW_AT_ONCE = 30;
const KEPT = [100, 500, 2_000, 10_000];
const MOST_CHARACTERS = 32_000_000;
const ROW_SHOWS = 600;
const WHOLE_SHOWS = 50_000;
const numbers = new Intl.NumberFormat("en");

/**
 * What happened: a frame "sent" or "got", or news of the "connection".
 *
 * `role` is "command", "broken", "reply", "error" or "unasked" for a frame, "news" or "failure" else.
 */
export class Entry {
  static #sent = 0;
  /** The row that shows it, or null. */
  row = null;
  /** A few words on what it has to do with others. */
  note = "";
  /** What became of a sent frame. */
  verdict = "";
  tone = 0;
  shown = true;

  constructor(direction, kind, role, text) {
    /** That of a sent frame, by which others refer to it. */
    this.number = direction === "sent" ? ++Entry.#sent : 0;
    this.at = new Date();
    this.direction = direction;
    this.kind = kind;
    this.role = role;
    this.text = text;
  }

  get isFrame() {
    return this.direction !== "connection";
  }
}

class ConsoleLog extends HTMLElement {
  /** What a text says in short. */
  digest = (text) => text;
  #kept = [];
  /** What comes while the log is paused. */
  #waiting = [];
  #characters = 0;
  #frames = 0;
  /** How many frames were left out, by why. */
  #left = { many: 0, long: 0 };
  /** Rows whose entries are kept no more. */
  #gone = [];
  #paused = false;
  #cap = 500;
  #drawn = 0;
  #added = 0;
  #scheduled = false;
  #behind = false; // whether more waits to be drawn than is drawn at once
  #filter;
  #kind;
  #pause;
  #capInput;
  #status;
  #list;

  connectedCallback() {
    this.#filter = element("input", { type: "search", id: "log-filter", placeholder: "Filter text", ariaLabel: "Show only frames with this text", oninput: () => this.#redraw() });
    this.#kind = element("select", { id: "log-kind", ariaLabel: "Show only frames of this kind", onchange: () => this.#redraw() });
    this.#pause = element("button", { type: "button", ariaPressed: "false", onclick: () => this.#toggle() }, "Pause");
    this.#capInput = element("select", { ariaLabel: "How many frames are kept", onchange: () => this.#recap() });
    this.#capInput.append(...KEPT.map((count) => element("option", { value: String(count), selected: count === this.#cap }, `keep ${numbers.format(count)}`)));
    this.#status = element("p", { className: "soft", id: "log-status" });
    this.#list = element("ol", { className: "frames", tabIndex: 0, ariaLabel: "Frames, newest first" });
    const copy = element("button", { type: "button", onclick: () => this.#copy(copy) }, "Copy");
    const clear = element("button", { type: "button", onclick: () => this.clear() }, "Clear");
    this.replaceChildren(element("div", { className: "tools" }, this.#filter, this.#kind, this.#capInput, this.#pause, clear, copy), this.#status, this.#list);
    this.kinds([], []);
    this.#say();
  }

  /** Offer these kinds, of frames sent and got, to the filter. */
  kinds(sent, got) {
    const now = this.#kind.value;
    const ways = [["", "all kinds"], ["sent", "all sent"], ["got", "all received"], ["connection", "connection"]];
    const options = [...ways, ...[...new Set([...sent, ...got])].map((kind) => [`=${kind}`, kind])];
    this.#kind.replaceChildren(...options.map(([value, text]) => element("option", { value, selected: value === now }, text)));
  }

  /** Add an entry. */
  add(entry) {
    if (entry.isFrame) this.#frames++;
    this.#added = performance.now();
    this.#characters += entry.text.length;
    entry.shown = this.#shows(entry);
    const entries = this.#paused ? this.#waiting : this.#kept;
    entries.push(entry);
    // Sorting them out costs: it is done for some at a time.
    if (entries.length > 2 * this.#cap || this.#characters > MOST_CHARACTERS) this.#trim();
    this.#schedule();
  }

  /** Show what has changed of an entry since it was added. */
  update(entry) {
    if (entry.row) fill(entry);
  }

  /** Show the row of an entry; false if there is none. */
  find({ row }) {
    row?.scrollIntoView({ block: "center" });
    row?.querySelector("summary").focus({ preventScroll: true });
    return row !== null;
  }

  clear() {
    for (const entry of this.#kept) entry.row = null;
    this.#kept = [];
    this.#waiting = [];
    this.#gone = [];
    this.#characters = this.#frames = 0;
    this.#left = { many: 0, long: 0 };
    this.#list.replaceChildren();
    this.#say();
  }

  /** Keep no more than is allowed, in number and in characters. */
  #trim() {
    for (const isFrame of [true, false]) {
      this.#kept = this.#newest(this.#kept, isFrame);
      this.#waiting = this.#newest(this.#waiting, isFrame);
    }
    while (this.#characters > MOST_CHARACTERS && this.#kept.length + this.#waiting.length > 1) {
      this.#drop((this.#kept.length ? this.#kept : this.#waiting).shift(), "long");
    }
  }

  /**
   * `entries` without the oldest frames, or news, that are too many. Kinds of which there are few go last: a flood does not
   * wash them away.
   */
  #newest(entries, isFrame) {
    const counts = new Map();
    for (const entry of entries) if (entry.isFrame === isFrame) counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
    let over = [...counts.values()].reduce((sum, count) => sum + count, 0) - this.#cap;
    const without = (few) => {
      if (over <= 0) return;
      entries = entries.filter((entry) => {
        const count = counts.get(entry.kind);
        if (over <= 0 || entry.isFrame !== isFrame || count <= few) return true;
        counts.set(entry.kind, count - 1);
        over--;
        this.#drop(entry, "many");
        return false;
      });
    };
    without(this.#cap / 4);
    without(0);
    return entries;
  }

  #drop(entry, why) {
    this.#characters -= entry.text.length;
    if (entry.isFrame) this.#left[why]++;
    if (entry.row) this.#gone.push(entry.row);
    entry.row = null;
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const draw = (now) => {
      // While more comes, the page needs time for other things.
      if (now - this.#added < DRAW_EVERY && now - this.#drawn < (this.#behind ? DRAW_EVERY_IN_A_FLOOD : DRAW_EVERY)) {
        requestAnimationFrame(draw);
        return;
      }
      this.#scheduled = false;
      this.#drawn = now;
      this.#draw();
    };
    requestAnimationFrame(draw);
  }

  #draw() {
    this.#trim();
    const focused = this.#list.contains(document.activeElement) && document.activeElement !== this.#list;
    for (const row of this.#gone) row.remove();
    this.#gone = [];
    if (focused && !this.#list.contains(document.activeElement)) this.#list.focus({ preventScroll: true });
    // What nobody asked for may be a flood: the rest does not wait behind it.
    const left = this.#drawRows(DRAW_AT_ONCE, (entry) => entry.role !== "unasked");
    this.#behind = this.#drawRows(left, () => true) === 0;
    if (this.#behind) this.#schedule();
    this.#say();
  }

  /** Draw at most `most` of the rows that are `due` where they belong, the newest first; returns how many more could have been. */
  #drawRows(most, due) {
    let next = this.#list.firstElementChild;
    for (let index = this.#kept.length - 1; index >= 0 && most > 0; index--) {
      const entry = this.#kept[index];
      if (entry.row) next = entry.row.nextElementSibling;
      else if (entry.shown && due(entry)) {
        this.#list.insertBefore(this.#row(entry), next);
        most--;
      }
    }
    return most;
  }

  #redraw() {
    for (const entry of this.#kept) {
      entry.row = null;
      entry.shown = this.#shows(entry);
    }
    for (const entry of this.#waiting) entry.shown = this.#shows(entry);
    this.#gone = [];
    this.#list.replaceChildren();
    this.#draw();
  }

  #recap() {
    this.#cap = Number(this.#capInput.value);
    this.#draw();
  }

  #shows(entry) {
    const kind = this.#kind.value;
    const text = this.#filter.value.toLowerCase();
    return (kind === "" || kind === entry.direction || kind === `=${entry.kind}`) && (text === "" || entry.text.toLowerCase().includes(text));
  }

  #row(entry) {
    const body = element("div", { className: "whole" });
    const short = entry.isFrame ? this.digest(entry.text) : entry.text;
    const way = { sent: "\u2192", got: "\u2190", connection: "\u2022" }[entry.direction];
    const row = element(
      "details",
      { ontoggle: () => row.open && !body.childElementCount && body.append(...whole(entry.text)) },
      element(
        "summary",
        {},
        element("time", { dateTime: entry.at.toISOString() }, clock(entry.at)),
        element("span", { className: "way", title: entry.direction, role: "img", ariaLabel: entry.direction }, way),
        element("span", { className: "kind" }, cut(entry.kind, 64) || "?"),
        element("span", { className: "nr" }, entry.number ? `#${entry.number}` : ""),
        element("span", { className: "verdict" }),
        element("span", { className: "note" }),
        element(entry.isFrame ? "code" : "span", { className: "text" }, cut(short, ROW_SHOWS)),
      ),
      body,
    );
    const name = entry.isFrame ? "frame" : "news";
    entry.row = element("li", { className: `row ${name} ${entry.direction} ${entry.role} tone-${entry.tone}` }, row);
    fill(entry);
    return entry.row;
  }

  #toggle() {
    this.#paused = !this.#paused;
    this.#pause.ariaPressed = String(this.#paused);
    this.#pause.textContent = this.#paused ? "Go on" : "Pause";
    if (!this.#paused) {
      this.#kept.push(...this.#waiting);
      this.#waiting = [];
      this.#draw();
    }
    this.#say();
  }

  #copy(button) {
    const shown = this.#kept.filter((entry) => entry.shown);
    copied(button, shown.map((entry) => `${entry.at.toISOString()} ${entry.direction} ${entry.isFrame ? "" : `${entry.kind}: `}${entry.text}`).join("\n"));
  }

  #say() {
    const count = (entries) => entries.reduce((sum, entry) => sum + Number(entry.isFrame), 0);
    const parts = [`${numbers.format(this.#frames)} frames`, `${numbers.format(count(this.#kept))} kept`];
    if (this.#left.many) parts.push(`${numbers.format(this.#left.many)} older left out by \u201ckeep\u201d`);
    if (this.#left.long) parts.push(`${numbers.format(this.#left.long)} left out, as the log holds ${numbers.format(MOST_CHARACTERS)} characters`);
    if (this.#paused) parts.push(`paused, ${numbers.format(count(this.#waiting))} waiting`);
    put(this.#status, parts.join(", "));
  }
}

customElements.define("console-log", ConsoleLog);

function fill(entry) {
  put(entry.row.querySelector(".verdict"), entry.verdict);
  put(entry.row.querySelector(".note"), entry.note);
  entry.row.classList.toggle("lost", entry.verdict.startsWith("lost"));
}

/** A text in full, as far as a page can bear, and a button that copies all of it. */
function whole(text) {
  const copy = element("button", { type: "button", onclick: () => copied(copy, text) }, "Copy");
  const shown = pretty(text);
  const left = shown.length - WHOLE_SHOWS;
  const more = left > 0 ? [element("p", { className: "soft" }, `${numbers.format(left)} more characters are not shown; Copy has them.`)] : [];
  return [element("pre", {}, cut(shown, WHOLE_SHOWS)), ...more, copy];
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most)}\u2026` : text;
}

function clock(at) {
  const two = (number) => String(number).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `text` indented, if that changes nothing but spaces; a browser does not hold every number and repeated key. */
function pretty(text) {
  const value = parsed(text);
  return value !== undefined && written(value) === text ? written(value, 2) : text;
}

async function copied(button, text) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard but this.
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => (button.textContent = "Copy"), 1_500);
}
