// The connection: it comes back by itself, and measures the way to the service and back.

const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 8_000;
const PROBE_EVERY = 3_000;

/**
 * A WebSocket that reconnects.
 *
 * Events: "state" (read `state`, `detail`), "open", "frame" (detail: the text), "latency" (detail: milliseconds).
 */
export class Link extends EventTarget {
  /** "off", "connecting", "open" or "waiting" (to try again). */
  state = "off";
  detail = "";
  #socket = null;
  #timer = 0;
  #prober = 0;
  #wait = SHORTEST_WAIT;
  #wasOpen = false;

  /** `url` gives the address; `probe` gives the text of a frame whose answer is handed to `answered`. */
  constructor(url, probe) {
    super();
    this.url = url;
    this.probe = probe;
  }

  connect() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#become("connecting", "");
    const socket = new WebSocket(this.url());
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#wasOpen = true;
      this.#wait = SHORTEST_WAIT;
      this.#become("open", "");
      this.dispatchEvent(new Event("open"));
      this.#probing();
    };
    socket.onmessage = ({ data }) => this.dispatchEvent(new CustomEvent("frame", { detail: data }));
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.#socket) return;
      clearInterval(this.#prober);
      const why = opened ? `closed with ${code}${reason ? ` ${reason}` : ""}` : this.#wasOpen ? "not there" : "refused or not there";
      const wait = this.#wait * (0.75 + Math.random() / 2);
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
      this.#become("waiting", why);
      this.#timer = setTimeout(() => this.connect(), wait);
    };
  }

  disconnect() {
    clearTimeout(this.#timer);
    clearInterval(this.#prober);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#become("off", "");
  }

  /** Send `text`; false if there is no connection. */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  #probing() {
    const once = () => {
      const text = this.probe();
      if (text !== null && !document.hidden) this.send(text);
    };
    clearInterval(this.#prober);
    once();
    this.#prober = setInterval(once, PROBE_EVERY);
  }

  #become(state, detail) {
    this.state = state;
    this.detail = detail;
    this.dispatchEvent(new Event("state"));
  }
}
