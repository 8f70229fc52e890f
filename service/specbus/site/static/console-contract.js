// What the console knows of frames, read from the AsyncAPI document.
import { equal, problems, resolved } from "./console-schema.js";
import { parsed, written } from "./site.js";

/** The document of a service, as its client sees it: what the service receives, a client sends. */
export class Contract {
  #document;

  constructor(document) {
    this.#document = document;
    const at = (node) => resolved(document, node);
    const operations = Object.entries(document.operations ?? {}).map(([name, operation]) => [name, at(operation)]);
    const [first] = operations.map(([, operation]) => at(operation.channel));
    /** The path of the WebSocket. */
    this.address = first?.address ?? "/ws";
    /** What a client can send. */
    this.commands = operations
      .filter(([, operation]) => operation.action === "receive")
      .flatMap(([name, operation]) => operation.messages.map((message) => this.#command(name, operation, at(message))));
    const sent = operations.filter(([, operation]) => operation.action === "send").flatMap(([, operation]) => operation.messages.map(at));
    const replies = operations.flatMap(([, operation]) => (operation.reply?.messages ?? []).map(at));
    /** The kinds of frames that a client gets. */
    this.kinds = [...new Set([...replies, ...sent].map((message) => this.#type(message)))].filter(Boolean);
    /** Those that refuse, and where they say why. */
    this.errors = new Map(
      [...replies, ...sent]
        .filter((message) => message["x-error"] ?? message["x-on-invalid"])
        .map((message) => [this.#type(message), Object.values(message["x-error"] ?? {})]),
    );
    /** Those that answer. */
    this.replies = new Set(replies.map((message) => this.#type(message)));
    const [name, operation] = operations.find(([, one]) => one["x-stream"]) ?? [];
    /** How events are asked for: the commands that start and stop it, and the field that tells streams apart; or null. */
    this.stream = name ? { ...operation["x-stream"], start: name } : null;
    const messages = Object.assign({}, ...Object.values(document.channels ?? {}).map((channel) => at(channel).messages));
    const news = (one) => (one ? { type: this.#type(at(messages[one.message])), where: one.where ?? {} } : null);
    this.#ended = news(this.stream?.ended);
    this.#dropped = news(this.stream?.dropped);
    // Where the words of a frame's publisher are.
    this.#free = new Map([...sent, ...this.commands].map((one) => [one.type ?? this.#type(one), this.#paths(one.schema ?? one.payload, isFree)[0]]));
    this.#correlation = [...replies, ...sent].map((message) => this.#pointer(message)).find(Boolean) ?? null;
    /** A command that needs no more than its type and an id: it serves to measure the way there and back. */
    this.probe = this.commands.find((command) => command.correlated && command.needs.every((field) => field === "type")) ?? null;
  }

  #correlation;
  #free;
  #ended;
  #dropped;

  /** What ties a frame to its answer; undefined if it has none. */
  correlation(frame) {
    return this.#correlation === null ? undefined : frame?.[this.#correlation];
  }

  /** The command that a frame asks for; undefined if there is none. */
  command(frame) {
    return this.commands.find((one) => one.type === frame?.type);
  }

  /** Why `frame` refuses, in words. */
  refusal(frame) {
    return (this.errors.get(frame?.type) ?? []).map((path) => at(frame, path)).filter((part) => typeof part === "string").join(": ") || "no reason was given";
  }

  /** The key of the stream that `frame` says is over; undefined if it does not. */
  ended(frame) {
    return isNews(frame, this.#ended) ? frame[this.stream.key] : undefined;
  }

  /** Whether `frame`, of a kind that answers, comes unasked: it tells of events that are missing. */
  isUnasked(frame) {
    return isNews(frame, this.#dropped);
  }

  /** What a frame, a text, has to say in short: why it refuses, what was published, or all but what the log tells anyway. */
  digest(text) {
    const frame = parsed(text, true);
    if (frame === null || typeof frame !== "object" || Array.isArray(frame)) return text;
    const { type, [this.#correlation]: _tie, ...rest } = frame;
    const key = this.stream?.key;
    const about = typeof frame[key] === "string" ? `${frame[key]} ` : "";
    if (this.errors.has(type)) return about + this.refusal(frame);
    const path = this.#free.get(type);
    const said = path && at(frame, path.join("/"));
    const words = written(said === undefined ? rest : said);
    return words === undefined ? text : said === undefined ? words : about + words;
  }

  /** What is wrong with a frame to be sent. */
  problems(frame) {
    if (frame === null || typeof frame !== "object" || Array.isArray(frame)) return ["the frame must be an object"];
    const command = this.command(frame);
    if (!command) {
      const types = this.commands.map((one) => JSON.stringify(one.type)).join(", ");
      return [frame.type === undefined ? "type is required" : `type must be one of ${types}`];
    }
    return problems(this.#document, command.schema, frame);
  }

  #command(name, operation, message) {
    const schema = resolved(this.#document, message.payload);
    const examples = (message.examples ?? []).filter((one) => one.payload !== undefined);
    return {
      name,
      title: operation.title ?? message.title ?? name,
      summary: operation.summary ?? message.summary ?? "",
      description: operation.description ?? message.description ?? "",
      type: this.#type(message),
      schema,
      needs: schema.required ?? [],
      correlated: this.#pointer(message) !== undefined,
      field: this.#pointer(message),
      /** The kinds that answer it, but for refusals. */
      replies: new Set((operation.reply?.messages ?? []).map((one) => this.#type(resolved(this.#document, one)))),
      examples: examples.length ? examples : [{ name: "example", payload: schema.example ?? this.#skeleton(schema, message) }],
    };
  }

  /** A frame with the required fields, where the document has no example. */
  #skeleton(schema, message) {
    const values = { string: "", integer: 0, number: 0, boolean: false, array: [], object: {} };
    const fields = (schema.required ?? []).map((field) => {
      const rules = resolved(this.#document, schema.properties?.[field]);
      return [field, rules.const ?? rules.enum?.[0] ?? rules.example ?? values[rules.type] ?? null];
    });
    return { type: this.#type(message), ...Object.fromEntries(fields) };
  }

  /** The paths, as lists of names, of the fields of `schema` that are UUIDs. */
  uuids(schema) {
    return this.#paths(schema, (rules) => rules.format === "uuid");
  }

  #paths(schema, wanted, path = []) {
    const rules = resolved(this.#document, schema);
    if (wanted(rules)) return [path];
    if (path.length > 8) return [];
    return Object.entries(rules.properties ?? {}).flatMap(([name, inner]) => this.#paths(inner, wanted, [...path, name]));
  }

  #type(message) {
    const rules = resolved(this.#document, resolved(this.#document, message.payload).properties?.type);
    return rules.const ?? rules.enum?.[0];
  }

  #pointer(message) {
    const location = resolved(this.#document, message.correlationId).location;
    return /^\$message\.payload#\/([^/]+)$/.exec(location ?? "")?.[1];
  }
}

/** Whether `rules` allow any value: what a publisher is free to say. */
function isFree(rules) {
  return ["type", "const", "enum", "properties", "format", "allOf", "anyOf", "oneOf", "not"].every((keyword) => !(keyword in rules));
}

/** What is in `value` at `path`, names with slashes between them. */
function at(value, path) {
  return path.split("/").reduce((inside, name) => inside?.[name], value);
}

function isNews(frame, news) {
  return news?.type !== undefined && frame?.type === news.type && includes(frame, news.where);
}

/** Whether all of `part` is in `whole`. */
function includes(whole, part) {
  if (part === null || typeof part !== "object") return equal(whole, part);
  return whole !== null && typeof whole === "object" && Object.entries(part).every(([name, inner]) => includes(whole[name], inner));
}
