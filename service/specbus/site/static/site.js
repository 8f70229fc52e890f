// What all pages share: where the service is, requests with the API key, and small helpers for elements.

/** The address of the service, with a slash at its end, however it is proxied. */
export const root = new URL(document.body.dataset.root, document.baseURI);
/** Whether these are files without a service behind them. */
export const isStatic = document.body.dataset.mode === "static";

const page = (name) => document.querySelector(`.bar nav [data-page=${name}]`)?.href;

/** The addresses of operations in the references, and of commands in the console. Those of this page are its anchors. */
export const reference = {
  rest: (tag, id) => `${page("rest")}#/${encodeURIComponent(tag)}/${encodeURIComponent(id)}`,
  // As the viewer makes them.
  websocket: (name) => `${page("websocket")}#ws--operations--${name.replace(/[^A-Za-z0-9_.]+/g, "-").replace(/^-+|-+$/g, "") || "item"}`,
  console: (name) => `${page("console")}#${encodeURIComponent(name)}`,
};

/** The operations of an OpenAPI document: method, path, tag, id and summary of each. */
export function restOperations(document_) {
  const methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
  return Object.entries(document_.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item ?? {})
      .filter(([method, operation]) => methods.includes(method) && operation?.operationId)
      .map(([method, { operationId: id, summary = "", tags: [tag = "default"] = [] }]) => ({ method, path, tag, id, summary })),
  );
}

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

/** `text` as JSON; undefined if it is none. With `exact`, its numbers are only good to be written again: they keep their digits. */
export function parsed(text, exact = false) {
  try {
    return JSON.parse(text, exact ? exactly : undefined);
  } catch {
    return undefined;
  }
}

/** `value` as JSON; undefined if it nests deeper than the browser can write. */
export function written(value, indent) {
  try {
    return JSON.stringify(value, null, indent);
  } catch {
    return undefined;
  }
}

/** Characters that do not show, or that turn the text around them: all but line breaks, tabs and what emoji are joined by. */
const HIDDEN = /(?![\n\t]|(?<=\p{Extended_Pictographic}[\p{EMod}\ufe0f]?)[\u200d\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** `text` with such characters as JSON escapes them, so that nobody is shown another text than there is. */
export function visible(text) {
  return text.replace(HIDDEN, (found) => [...Array(found.length).keys()].map((index) => `\\u${found.charCodeAt(index).toString(16).padStart(4, "0")}`).join(""));
}

/** Have `where` show `text`. Nothing changes if it does already, so that nothing is read aloud again. */
export function put(where, text) {
  const shown = visible(text);
  if (where.textContent !== shown) where.textContent = shown;
}

/**
 * Ask the service; resolves to the parsed body. Rejects with Refused for an error, TypeError if it is not there.
 * `exact` is that of `parsed`.
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
  const found = parsed(await answer.text(), exact);
  if (answer.status === 401) document.querySelector("api-key")?.want();
  if (!answer.ok) throw new Refused(answer.status, typeof found?.detail === "string" ? found.detail : `${answer.status} ${answer.statusText}`);
  return found;
}

/** An element; `properties` are set on it, `children` are elements or texts. Nothing is ever read as HTML, or hidden. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name === "title" || name === "ariaLabel") made[name] = visible(value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
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
