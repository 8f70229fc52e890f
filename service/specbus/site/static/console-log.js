// The log of frames. It draws a bounded number of rows at a time; the frames it does not draw it counts.
import { element } from "./site.js";

const DRAW_EVERY = 100;
const DRAW_AT_ONCE = 25;
const numbers = new Intl.NumberFormat("en");

/** One frame: `direction` is "sent" or "got", `role` "command", "broken", "reply", "error" or "unasked". */
export class Entry {
  static #count = 0;

  constructor(direction, kind, role, text) {
    this.number = ++Entry.#count;
    this.at = new Date();
    this.direction = direction;
    this.kind = kind;
    this.role = role;
    this.text = text;
    this.note = "";
    this.verdict = "";
    this.tone = 0;
    this.row = null;
  }
}

class ConsoleLog extends HTMLElement {
  #kept = [];
  #waiting = [];
  #notDrawn = 0;
  #total = 0;
  #paused = false;
  #cap = 500;
  #drawn = 0;
  #scheduled = false;

  connectedCallback() {
    this.#filter = element("input", { type: "search", id: "log-filter", placeholder: "Filter text", oninput: () => this.#redraw() });
    this.#filter.setAttribute("aria-label", "Show only frames with this text");
    this.#kind = element("select", { id: "log-kind", ariaLabel: "Show only frames of this kind", onchange: () => this.#redraw() });
    this.#pause = element("button", { type: "button", ariaPressed: "false", onclick: () => this.#toggle() }, "Pause");
    this.#capInput = element("select", { ariaLabel: "How many frames are kept", onchange: () => this.#recap() });
    this.#capInput.append(...[100, 500, 2000].map((count) => element("option", { value: String(count), selected: count === this.#cap }, `keep ${numbers.format(count)}`)));
    this.#status = element("p", { className: "soft", id: "log-status" });
    this.#list = element("ol", { className: "frames", tabIndex: 0, ariaLabel: "Frames, newest first" });
    const copy = element("button", { type: "button", onclick: () => this.#copy(copy) }, "Copy");
    this.replaceChildren(
      element(
        "div",
        { className: "tools" },
        this.#filter,
        this.#kind,
        this.#capInput,
        this.#pause,
        element("button", { type: "button", onclick: () => this.clear() }, "Clear"),
        copy,
      ),
      this.#status,
      this.#list,
    );
    this.kinds([], []);
    this.#say();
  }

  #filter;
  #kind;
  #pause;
  #capInput;
  #status;
  #list;

  /** Offer these kinds, of frames sent and got, to the filter. */
  kinds(sent, got) {
    const now = this.#kind.value;
    const options = [["", "all kinds"], ["sent", "all sent"], ["got", "all received"], ...[...new Set([...sent, ...got])].map((kind) => [`=${kind}`, kind])];
    this.#kind.replaceChildren(...options.map(([value, text]) => element("option", { value, selected: value === now }, text)));
  }

  /** Add a frame. */
  add(entry) {
    this.#total++;
    this.#waiting.push(entry);
    // The rest of what cannot be drawn anyway is not kept either.
    if (this.#waiting.length > 4 * this.#cap) this.#thin(2 * this.#cap);
    this.#schedule();
  }

  /** Draw a frame anew that has changed since it was added. */
  update(entry) {
    if (entry.row?.isConnected) {
      const row = this.#row(entry);
      entry.row.replaceWith(row);
      entry.row = row;
    }
  }

  clear() {
    this.#kept = [];
    this.#waiting = [];
    this.#notDrawn = 0;
    this.#total = 0;
    this.#list.replaceChildren();
    this.#say();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const draw = (now) => {
      if (now - this.#drawn < DRAW_EVERY) {
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
    if (!this.#paused) {
      this.#thin(DRAW_AT_ONCE);
      const fresh = this.#waiting;
      this.#waiting = [];
      this.#kept.push(...fresh);
      const over = this.#kept.splice(0, Math.max(0, this.#kept.length - this.#cap));
      for (const entry of over) {
        entry.row?.remove();
        entry.row = null;
      }
      const rows = fresh.filter((entry) => this.#kept.includes(entry) && this.#shows(entry)).map((entry) => (entry.row = this.#row(entry)));
      this.#list.prepend(...rows.reverse());
    }
    this.#say();
  }

  /** Leave out the oldest of what waits until about `most` are left. Kinds of which there are few stay. */
  #thin(most) {
    let over = this.#waiting.length - most;
    if (over <= 0) return;
    const counts = new Map();
    for (const { kind } of this.#waiting) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    this.#waiting = this.#waiting.filter(({ kind }) => {
      const left = counts.get(kind);
      if (over <= 0 || left <= most / 4) return true;
      counts.set(kind, left - 1);
      over--;
      this.#notDrawn++;
      return false;
    });
  }

  #redraw() {
    for (const entry of this.#kept) entry.row = null;
    const rows = this.#kept.filter((entry) => this.#shows(entry)).map((entry) => (entry.row = this.#row(entry)));
    this.#list.replaceChildren(...rows.reverse());
    this.#say();
  }

  #recap() {
    this.#cap = Number(this.#capInput.value);
    this.#kept.splice(0, Math.max(0, this.#kept.length - this.#cap));
    this.#redraw();
  }

  #shows(entry) {
    const kind = this.#kind.value;
    return (
      (kind === "" || kind === entry.direction || kind === `=${entry.kind}`) &&
      entry.text.toLowerCase().includes(this.#filter.value.toLowerCase())
    );
  }

  #row(entry) {
    const body = element("div", { className: "whole" });
    const row = element(
      "details",
      {
        ontoggle: () => {
          if (row.open && !body.childElementCount) {
            const copy = element("button", { type: "button", onclick: () => copied(copy, entry.text) }, "Copy");
            body.append(element("pre", {}, pretty(entry.text)), copy);
          }
        },
      },
      element(
        "summary",
        {},
        element("time", { dateTime: entry.at.toISOString() }, clock(entry.at)),
        element("span", { className: "way", title: entry.direction }, entry.direction === "sent" ? "\u2192" : "\u2190"),
        element("span", { className: "kind" }, entry.kind || "?"),
        ...(entry.verdict ? [element("span", { className: "verdict" }, entry.verdict)] : []),
        ...(entry.note ? [element("span", { className: "note" }, entry.note)] : []),
        element("code", { className: "text" }, entry.text.length > 600 ? `${entry.text.slice(0, 600)}\u2026` : entry.text),
      ),
      body,
    );
    return element("li", { className: `frame ${entry.direction} ${entry.role} tone-${entry.tone}`, dataset: { number: String(entry.number) } }, row);
  }

  #toggle() {
    this.#paused = !this.#paused;
    this.#pause.ariaPressed = String(this.#paused);
    this.#pause.textContent = this.#paused ? "Go on" : "Pause";
    if (!this.#paused) {
      this.#thin(this.#cap);
      this.#kept = [...this.#kept, ...this.#waiting].slice(-this.#cap);
      this.#waiting = [];
      this.#redraw();
    }
    this.#say();
  }

  #copy(button) {
    const shown = this.#kept.filter((entry) => this.#shows(entry));
    copied(button, shown.map((entry) => `${entry.at.toISOString()} ${entry.direction} ${entry.text}`).join("\n"));
  }

  #say() {
    const parts = [`${numbers.format(this.#total)} frames`, `${numbers.format(this.#kept.length)} kept`];
    if (this.#notDrawn) parts.push(`${numbers.format(this.#notDrawn)} not drawn: they came faster than a person reads`);
    if (this.#paused) parts.push(`paused, ${numbers.format(this.#waiting.length)} waiting`);
    const text = parts.join(", ");
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }
}

customElements.define("console-log", ConsoleLog);

function clock(at) {
  const two = (number) => String(number).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `text` indented, if that changes nothing but spaces; a browser does not hold every number and repeated key. */
function pretty(text) {
  try {
    const value = JSON.parse(text);
    return JSON.stringify(value) === text ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

async function copied(button, text) {
  const before = button.textContent;
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
  }
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => (button.textContent = before), 1_500);
}
