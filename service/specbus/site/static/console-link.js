// The connection: it comes back by itself, and measures the way to the service and back.

const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 8_000;
/** A connection that lasted as long was a good one: the next pause is the shortest again. */
const STABLE_AFTER = 5_000;
const OPEN_WITHIN = 10_000;
const PROBE_EVERY = 3_000;
/** A service that is asked and says nothing for as long is given up. */
const SILENT_AFTER = 15_000;

/** What the codes mean with which a WebSocket is closed (RFC 6455, 7.4.1, and IANA's list that goes on from it). */
const CODES = {
  1000: "normal closure",
  1001: "the service is going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "without a code",
  1006: "the connection broke",
  1007: "invalid data",
  1008: "policy violation",
  1009: "the frame was too big",
  1010: "an extension is missing",
  1011: "the service failed",
  1012: "the service restarts",
  1013: "try again later",
  1014: "bad gateway",
  1015: "TLS handshake failed",
};

/**
 * A WebSocket that reconnects.
 *
 * Events: "state" (read `state`, `detail`), "open", "lost" (detail: why), "frame" (detail: the text), and "news"
 * (detail: `kind`, `text` and whether it is `bad`) for whoever tells of the connection.
 */
export class Link extends EventTarget {
  /** "off", "connecting", "open" or "waiting" (to try again). */
  state = "off";
  detail = "";
  #socket = null;
  #retry = 0;
  #limit = 0;
  #prober = 0;
  #failed = 0;
  #asked = 0;

  /** `url` gives the address; `probe` gives the text of a frame that the service answers, or null. */
  constructor(url, probe) {
    super();
    this.url = url;
    this.probe = probe;
  }

  connect() {
    clearTimeout(this.#retry);
    const url = this.url();
    this.#become("connecting", "");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let openedAt = 0;
    const lost = (why) => {
      if (socket !== this.#socket) return;
      this.#drop();
      socket.close();
      if (openedAt && performance.now() - openedAt >= STABLE_AFTER) this.#failed = 0;
      // Half of it at least: an interval that may be nothing is no pause.
      const wait = Math.min(SHORTEST_WAIT * 2 ** this.#failed++, LONGEST_WAIT) * (0.5 + Math.random() / 2);
      const attempt = `attempt ${this.#failed} in ${(wait / 1000).toFixed(1)} s`;
      if (openedAt) this.dispatchEvent(new CustomEvent("lost", { detail: why }));
      this.#tell(openedAt ? "closed" : "refused", openedAt ? why : `no connection: ${why}`, true);
      this.#tell("reconnecting", attempt);
      this.#become("waiting", `${why}; ${attempt}`);
      this.#retry = setTimeout(() => this.connect(), wait);
    };
    this.#limit = setTimeout(lost, OPEN_WITHIN, `no answer in ${OPEN_WITHIN / 1000} s`);
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      clearTimeout(this.#limit);
      openedAt = performance.now();
      this.#tell("opened", url);
      this.#become("open", "");
      this.dispatchEvent(new Event("open"));
      this.#supervise(lost);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#asked = 0;
      this.dispatchEvent(new CustomEvent("frame", { detail: typeof data === "string" ? data : `(${data.byteLength} bytes of a binary frame)` }));
    };
    socket.onclose = ({ code, reason }) => lost(openedAt ? closure(code, reason) : "refused, or nothing is there");
  }

  disconnect() {
    const socket = this.#socket;
    const why = "closed by you";
    clearTimeout(this.#retry);
    this.#drop();
    this.#failed = 0;
    socket?.close(1000);
    if (this.state === "open") this.dispatchEvent(new CustomEvent("lost", { detail: why }));
    this.#tell("closed", this.state === "open" ? why : "no more attempts: stopped by you");
    this.#become("off", "");
  }

  /** Send `text`; false if there is no connection. */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  #drop() {
    this.#socket = null;
    clearTimeout(this.#limit);
    clearInterval(this.#prober);
  }

  #supervise(lost) {
    this.#asked = 0;
    const once = () => {
      const now = performance.now();
      if (this.#asked && now - this.#asked >= SILENT_AFTER) lost(`the service was silent for ${SILENT_AFTER / 1000} s`);
      const text = document.hidden ? null : this.probe();
      if (text !== null && this.send(text)) this.#asked ||= now;
    };
    once();
    this.#prober = setInterval(once, PROBE_EVERY);
  }

  #tell(kind, text, bad = false) {
    this.dispatchEvent(new CustomEvent("news", { detail: { kind, text, bad } }));
  }

  #become(state, detail) {
    this.state = state;
    this.detail = detail;
    this.dispatchEvent(new Event("state"));
  }
}

function closure(code, reason) {
  const words = CODES[code] ? `, ${CODES[code]}` : "";
  return `closed with ${code}${words}${reason ? `: ${reason}` : ""}`;
}
