// What all pages share: where the service is, requests with the API key, and small helpers for elements.

/** The address of the service, with a slash at its end, however it is proxied. */
export const root = new URL(document.body.dataset.root, document.baseURI);
/** Whether these are files without a service behind them. */
export const isStatic = document.body.dataset.mode === "static";

const KEY = "specbus.api-key";

/** The API key for this tab, or null. */
export const apiKey = {
  get: () => sessionStorage.getItem(KEY),
  set: (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY)),
};

/** An answer of the service that is an error; the message is for people. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Have numbers keep their digits, where the browser can. */
const exactly = (_key, value, context) => (typeof value === "number" && JSON.rawJSON && context ? JSON.rawJSON(context.source) : value);

/**
 * Ask the service; resolves to the parsed body. Rejects with Refused for an error, TypeError if it is not there.
 * With `exact`, the numbers of the body are only good to be written as JSON again: they keep their digits.
 */
export async function ask(path, { method = "GET", body, signal, exact = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (apiKey.get()) headers["X-API-Key"] = apiKey.get();
  const answer = await fetch(new URL(path, root), {
    method,
    headers,
    signal,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  let parsed;
  try {
    parsed = JSON.parse(text, exact ? exactly : undefined);
  } catch {
    parsed = undefined;
  }
  if (answer.status === 401) document.querySelector("api-key")?.want();
  if (!answer.ok) throw new Refused(answer.status, parsed?.detail ?? `${answer.status} ${answer.statusText}`);
  return parsed;
}

/** An element; `properties` are set on it, `children` are elements or texts. Nothing is ever read as HTML. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Say in place of `where` that something failed. */
export function fail(where, text) {
  where.removeAttribute("aria-busy");
  where.replaceChildren(element("p", { className: "notice bad", role: "alert" }, text));
}

/** Call `apply` with whether the system wants dark colours, now and when that changes. */
export function onScheme(apply) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  apply(dark.matches);
  dark.addEventListener("change", () => apply(dark.matches));
}

/** A form for the API key, which shows itself when the service wants one. */
class ApiKey extends HTMLElement {
  connectedCallback() {
    this.hidden = true;
  }

  /** Show the form. */
  want() {
    if (!this.hidden) return;
    this.hidden = false;
    const input = element("input", { type: "password", id: "api-key", autocomplete: "off", required: true });
    const form = element(
      "form",
      { className: "notice" },
      element("label", { htmlFor: "api-key" }, apiKey.get() ? "The service refused this API key." : "This service wants an API key."),
      input,
      element("button", {}, "Use it"),
      element("small", {}, "Kept for this tab only."),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      apiKey.set(input.value);
      location.reload();
    });
    this.replaceChildren(form);
  }
}

customElements.define("api-key", ApiKey);
