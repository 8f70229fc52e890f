import { asked, sign } from "./contract.js";
import { ConnectError, ProblemError, TimeoutError } from "./errors.js";
export class Rest {
clientId;
#options;
constructor(options) {
this.#options = options;
this.clientId = options.clientId;
}
async request(method, template, parts, options = {}) {
const { url, fetch, apiKey, credential } = this.#options;
const { signal, timeout = this.#options.timeout } = options;
signal?.throwIfAborted();
const path = address(template, parts.path);
const query = new URLSearchParams();
for (const [name, value] of Object.entries(parts.query ?? {})) {
for (const one of [value].flat())
if (one !== undefined)
query.append(name, String(one));
}
const headers = { Accept: "application/json" };
for (const [name, value] of Object.entries(parts.headers ?? {}))
if (value !== undefined)
headers[name] = String(value);
if (parts.body !== undefined)
headers["Content-Type"] = "application/json";
sign(credential, apiKey, headers, query);
const limit = AbortSignal.timeout(timeout);
let response;
let text;
try {
response = await fetch(asked(url + path, query), {
method,
headers,
signal: signal ? AbortSignal.any([signal, limit]) : limit,
...(parts.body !== undefined && { body: JSON.stringify(parts.body) }),
});
text = await response.text();
}
catch (error) {
if (signal?.aborted)
throw signal.reason;
if (limit.aborted)
throw new TimeoutError(`no answer in ${timeout} ms`, true);
const cause = error.cause;
const reason = cause instanceof Error && cause.message ? cause.message : error.message;
throw new ConnectError(`${method} ${url}${path} failed: ${reason}`, { cause: error });
}
let body = text || undefined;
try {
body = JSON.parse(text);
}
catch {
}
if (response.ok)
return body;
const { type = "about:blank", title = response.statusText, detail = "" } = body ?? {};
throw new ProblemError(response.status, type, title || `HTTP ${response.status}`, detail, body);
}
}
function address(template, values = {}) {
const fill = (segment) => {
let last = "";
let refused = false;
const filled = segment.replace(/\{([^}]*)\}/g, (_, name) => {
const text = String(values[name]);
last = `${name} must not be ${JSON.stringify(text)}: in a path, that leads to another resource`;
refused ||= !text;
return encodeURIComponent(text);
});
if (last && (refused || /^(\.|%2e){1,2}$/i.test(filled)))
throw new TypeError(last);
return filled;
};
return template.split("/").map(fill).join("/");
}
