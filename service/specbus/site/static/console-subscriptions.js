// What the console is subscribed to. It outlives connections: it is asked for again, with growing pauses, as the SDKs do.

const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 15_000;
const MOST_ATTEMPTS = 30;

/**
 * The subscriptions that the service has accepted once.
 *
 * Events: "change", and "news" (detail: `kind`, `text` and whether it is `bad`).
 */
export class Subscriptions extends EventTarget {
  #send;
  #all = new Map();

  /** `send` sends a frame that asks for a subscription again; false if there is no connection. */
  constructor(send) {
    super();
    this.#send = send;
  }

  /** By topic: "" for one that is live, else what it waits for. */
  get shown() {
    return new Map([...this.#all].map(([key, { live, why }]) => [key, live ? "" : why || "asked for again"]));
  }

  /** The service has accepted it; `frame` asks for it again. */
  accepted(key, frame) {
    const before = this.#all.get(key);
    clearTimeout(before?.timer);
    if (before && !before.live) this.#tell("resubscribed", `${key}; events published in between may be missing`);
    this.#all.set(key, { frame, live: true, failed: 0, why: "", timer: 0 });
    this.#changed();
  }

  /** The service has refused it, for the reason `why`. One that was never accepted is none. */
  refused(key, why) {
    const one = this.#all.get(key);
    if (!one || one.live) return;
    clearTimeout(one.timer);
    if (++one.failed > MOST_ATTEMPTS) {
      this.#tell("unsubscribed", `${key} was given up after ${MOST_ATTEMPTS} attempts: ${why}`, true);
      this.forget(key);
      return;
    }
    const wait = Math.min(SHORTEST_WAIT * 2 ** (one.failed - 1), LONGEST_WAIT) * (0.5 + Math.random() / 2);
    one.why = `refused, attempt ${one.failed + 1} in ${(wait / 1000).toFixed(1)} s`;
    one.timer = setTimeout(() => this.#ask(one), wait);
    this.#tell("resubscribing", `${key}: ${one.why} (${why})`, true);
    this.#changed();
  }

  /** It is over. */
  forget(key) {
    clearTimeout(this.#all.get(key)?.timer);
    if (this.#all.delete(key)) this.#changed();
  }

  /** The connection is gone, and all of them with it. */
  lost() {
    for (const one of this.#all.values()) {
      clearTimeout(one.timer);
      Object.assign(one, { live: false, why: "waits for a connection" });
    }
    this.#changed();
  }

  /** There is a connection. */
  opened() {
    for (const one of this.#all.values()) this.#ask(one);
    this.#changed();
  }

  /** There is what one that waits was refused for. */
  retry(key) {
    const one = this.#all.get(key);
    if (one?.failed && !one.live) this.#ask(one);
  }

  clear() {
    for (const { timer } of this.#all.values()) clearTimeout(timer);
    this.#all.clear();
    this.#changed();
  }

  #ask(one) {
    clearTimeout(one.timer);
    if (this.#send(one.frame)) one.why = "";
  }

  #tell(kind, text, bad = false) {
    this.dispatchEvent(new CustomEvent("news", { detail: { kind, text, bad } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
