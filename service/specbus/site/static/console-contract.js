// What the console knows of frames, read from the AsyncAPI document.
import { problems, resolved } from "./console-schema.js";

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
    /** Those that answer a frame which breaks the contract. */
    this.errors = new Set([...replies, ...sent].filter((message) => message["x-on-invalid"]).map((message) => this.#type(message)));
    /** Those that answer. */
    this.replies = new Set(replies.map((message) => this.#type(message)));
    this.#correlation = [...replies, ...sent].map((message) => this.#pointer(message)).find(Boolean) ?? null;
    /** A command that needs no more than its type and an id: it serves to measure the way there and back. */
    this.probe = this.commands.find((command) => command.correlated && command.needs.every((field) => field === "type")) ?? null;
  }

  #correlation;

  /** What ties a frame to its answer; undefined if it has none. */
  correlation(frame) {
    return this.#correlation === null || frame === null || typeof frame !== "object" ? undefined : frame[this.#correlation];
  }

  /** The name of the field that ties a frame to its answer. */
  get correlationField() {
    return this.#correlation;
  }

  /** What is wrong with a frame to be sent. */
  problems(frame) {
    if (frame === null || typeof frame !== "object" || Array.isArray(frame)) return ["the frame must be an object"];
    const command = this.commands.find((one) => one.type === frame.type);
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
  uuids(schema, path = []) {
    const rules = resolved(this.#document, schema);
    if (rules.format === "uuid") return [path];
    if (path.length > 8) return [];
    return Object.entries(rules.properties ?? {}).flatMap(([name, inner]) => this.uuids(inner, [...path, name]));
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
