import { retryAfter } from "./connection.js";
import { asked, type Credential, sign } from "./contract.js";
import { deadline } from "./deadline.js";
import { ConnectError, ProblemError, TimeoutError } from "./errors.js";

/** Options of every request. */
export interface RequestOptions {
  /** Milliseconds in which the response must come; by default the client's `timeout`. */
  timeout?: number | undefined;
  /** Aborts the request; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** What goes into a request. */
export interface Parts {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  headers?: Record<string, unknown>;
  body?: unknown;
}

export interface RestOptions {
  /** Without a slash at the end. */
  url: string;
  fetch: typeof fetch;
  timeout: number;
  apiKey: string | undefined;
  credential: Credential | undefined;
  clientId: string;
}

/** HTTP requests with JSON bodies. */
export class Rest {
  /** The client's own label. */
  readonly clientId: string;
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = options;
    this.clientId = options.clientId;
  }

  /**
   * Make a request, and resolve with the body of the response.
   *
   * Rejects with TypeError if a value of `path` would lead to another resource, ProblemError if it is refused, ConnectError if the server cannot be reached, TimeoutError without a response in time.
   */
  async request(method: string, template: string, parts: Parts, options: RequestOptions = {}): Promise<any> {
    const { url, fetch, apiKey, credential } = this.#options;
    const { signal, timeout = this.#options.timeout } = options;
    signal?.throwIfAborted();
    const path = address(template, parts.path);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parts.query ?? {})) {
      for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one));
    }
    const headers: Record<string, string> = { Accept: "application/json" };
    for (const [name, value] of Object.entries(parts.headers ?? {})) if (value !== undefined) headers[name] = String(value);
    if (parts.body !== undefined) headers["Content-Type"] = "application/json";
    sign(credential, apiKey, headers, query);
    const limit = new AbortController();
    // Once the head is there, the rest may take until nothing is put off any longer.
    let heard = (): unknown => 0;
    const cancel = deadline(timeout, () => heard(), () => limit.abort());
    let response: Response;
    let text: string;
    try {
      response = await fetch(asked(url + path, query), {
        method,
        headers,
        signal: signal ? AbortSignal.any([signal, limit.signal]) : limit.signal,
        ...(parts.body !== undefined && { body: JSON.stringify(parts.body) }),
      });
      heard = () => ({});
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (limit.signal.aborted) throw new TimeoutError(`no answer in ${timeout} ms`, true);
      const cause = (error as Error).cause;
      const reason = cause instanceof Error && cause.message ? cause.message : (error as Error).message;
      throw new ConnectError(`${method} ${url}${path} failed: ${reason}`, { cause: error });
    } finally {
      cancel();
    }
    let body: any = text || undefined;
    try {
      body = JSON.parse(text);
    } catch {
      // A text, then.
    }
    if (response.ok) return body;
    const { type = "about:blank", title = response.statusText, detail = "" } = body ?? {};
    throw new ProblemError(response.status, type, title || `HTTP ${response.status}`, detail, body, retryAfter((name) => response.headers.get(name)));
  }
}

/**
 * `template` with `values` in it. Throws TypeError for a value that would lead to another resource: whatever carries a URL removes
 * the segments `.` and `..` (RFC 3986, 5.2.4), and no encoding protects them, since `%2E` is a dot (6.2.2.2). An empty segment is the
 * collection, or nothing.
 */
function address(template: string, values: Record<string, unknown> = {}): string {
  const fill = (segment: string): string => {
    let last = "";
    let refused = false;
    const filled = segment.replace(/\{([^}]*)\}/g, (_, name: string) => {
      const text = String(values[name]);
      last = `${name} must not be ${JSON.stringify(text)}: in a path, that leads to another resource`;
      refused ||= !text;
      return encodeURIComponent(text);
    });
    if (last && (refused || /^(\.|%2e){1,2}$/i.test(filled))) throw new TypeError(last);
    return filled;
  };
  return template.split("/").map(fill).join("/");
}
