// Goes through the frames of the protocol one by one, as a client in another language: no packages, the WebSocket that
// Node has. Needs Node 22, or Node 20 with --experimental-websocket.
//
//   node node_client.mjs http://127.0.0.1:8080 [URL-OF-ONE-THAT-ASKS-FOR-A-KEY KEY]
//
// Prints a line for each step and, last, the kinds of frames that went each way. Ends with 1 at the first mismatch.
// The server should have no topics, and send heartbeats often enough to wait for one.

import assert from "node:assert/strict";
import http from "node:http";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const STEP_DEADLINE = 20_000; // milliseconds
const UUID = "550e8400-e29b-41d4-a716-446655440000";
const kinds = { sent: new Set(), received: new Set() };

class Client {
  #arrived = [];
  #wake = () => {};
  heartbeats = 0;

  constructor(url, options) {
    this.socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws`, options);
    this.opened = new Promise((resolve) => this.socket.addEventListener("open", () => resolve(this)));
    this.failed = new Promise((resolve) => this.socket.addEventListener("error", resolve));
    this.closed = new Promise((resolve) => this.socket.addEventListener("close", resolve));
    this.socket.addEventListener("message", ({ data }) => {
      assert.equal(typeof data, "string", "the server sends text frames only");
      if (JSON.parse(data).msg === "ping") {
        assert.deepEqual(withoutTs(data), { type: "info", msg: "ping" });
        this.heartbeats++;
        kinds.received.add("info ping");
      } else {
        this.#arrived.push(data);
      }
      this.#wake();
    });
  }

  /** Wait until something has come that makes `ready` true. */
  async until(ready) {
    while (!ready()) await new Promise((resolve) => (this.#wake = resolve));
  }

  /** The text of the next frame that is no heartbeat. */
  async text() {
    await this.until(() => this.#arrived.length > 0);
    return this.#arrived.shift();
  }

  async receive() {
    const frame = withoutTs(await this.text());
    kinds.received.add([frame.type, frame.msg ?? frame.error?.code].filter(Boolean).join(" "));
    return frame;
  }

  /** Check that `frames` are the next to come, whole but for their `ts`. */
  async expect(...frames) {
    for (const frame of frames) assert.deepEqual(await this.receive(), frame);
  }

  /** Send `frame` and check that `answers` are the next to come. */
  async ask(frame, ...answers) {
    this.send(frame);
    await this.expect(...answers);
  }

  send(frame) {
    kinds.sent.add(frame.type);
    this.socket.send(JSON.stringify(frame));
  }

  async refused(data, message, request_id) {
    this.socket.send(data);
    await this.expect(error("BAD_REQUEST", message, request_id));
    await this.nothingMore();
  }

  async nothingMore() {
    await this.ask({ type: "ping", request_id: "sentinel" }, { type: "pong", request_id: "sentinel" });
  }
}

function connect(options) {
  return new Client(url, options).opened;
}

/** The frame `text` without what is the server's to choose: its time, and where the topic's order is. */
function withoutTs(text) {
  const { ts, offset, position, ...frame } = JSON.parse(text);
  assert.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
  assert.ok(Date.parse(ts) > 0, `${ts} must be a time`);
  assert.equal(Number.isInteger(offset), frame.type === "event", "an event, and nothing else, has an offset");
  if (position !== undefined) {
    assert.equal(frame.type, "ack");
    assert.deepEqual(Object.keys(position), ["epoch", "offset"]);
    assert.ok(Number.isInteger(position.offset));
    assert.match(position.epoch, /^.{1,32}$/);
  }
  return frame;
}

const given = (request_id) => (request_id === undefined ? {} : { request_id });
const subscribe = (topic, more) => ({ type: "subscribe", topic, client_id: "s1", ...more });
const unsubscribe = (topic, more) => ({ type: "unsubscribe", topic, client_id: "s1", ...more });
const publish = (topic, payload, more) => ({ type: "publish", topic, message: { id: UUID, payload }, ...more });
const ack = (topic, request_id) => ({ type: "ack", ...given(request_id), topic, status: "ok" });
const event = (topic, payload) => ({ type: "event", topic, message: { id: UUID, payload } });
const error = (code, message, request_id) => ({ type: "error", ...given(request_id), error: { code, message } });

async function rest(method, path, body) {
  const response = await fetch(url + path, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  return { status: response.status, body: await response.json() };
}

const problem = (status, kind, title, detail) => ({
  status,
  body: { type: `urn:specbus:problem:${kind}`, title, status, detail },
});
const created = (topic) => ({ status: 201, body: { status: "created", topic } });
const deleted = (topic) => ({ status: 200, body: { status: "deleted", topic } });

async function step(name, run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the server did not answer in time")), STEP_DEADLINE);
  });
  try {
    await Promise.race([run(), late]);
  } catch (reason) {
    console.log(`FAILED ${name}`);
    console.error(reason);
    process.exit(1);
  }
  clearTimeout(timer);
  console.log(`ok ${name}`);
}

/** Subscribe, stop reading until `workerData.go` is set, then hand over what came up to the event that says `last`. */
async function beSlow() {
  const client = await new Client(workerData.url).opened;
  await client.ask(subscribe("flood"), ack("flood"));
  parentPort.postMessage("subscribed");
  Atomics.wait(workerData.go, 0, 0); // with the thread, its socket stands still
  const frames = [];
  while (!frames.at(-1)?.message?.payload.last) frames.push(await client.receive());
  client.socket.close();
  await client.closed;
  parentPort.postMessage(frames);
}

const [url, securedUrl, key] = isMainThread ? process.argv.slice(2) : [];

async function main() {
  const a = await connect();
  const b = await connect();

  await step("a topic is created once", async () => {
    assert.deepEqual(await rest("POST", "/topics", { name: "orders" }), created("orders"));
    const again = problem(409, "topic-exists", "Topic exists", 'the topic "orders" exists');
    assert.deepEqual(await rest("POST", "/topics", { name: "orders" }), again);
  });

  await step("ping is answered by pong with its request_id", async () => {
    const request_id = "570t8400-e29b-41d4-a716-4466554412345";
    await a.ask({ type: "ping", request_id }, { type: "pong", request_id });
  });
  await step("ping without a request_id is answered by pong without one", async () => {
    await a.ask({ type: "ping" }, { type: "pong" });
  });

  await step("subscribe is acknowledged", async () => {
    await a.ask(subscribe("orders", { last_n: 5, request_id: UUID }), ack("orders", UUID));
  });
  await step("a second subscribe is acknowledged, without a request_id if it had none", async () => {
    await a.ask(subscribe("orders"), ack("orders"));
  });

  const order = { order_id: "ORD-123", amount: "99.5", currency: "USD" };
  const request_id = "340e8400-e29b-41d4-a716-4466554480098";
  await step("publish is acknowledged to its sender, who gets nothing else", async () => {
    await b.ask(publish("orders", order, { request_id }), ack("orders", request_id));
    await b.nothingMore();
  });
  await step("a subscriber gets the event once", async () => {
    await a.expect(event("orders", order));
    await a.nothingMore();
  });
  await step("a publisher that is subscribed gets its ack and its own event", async () => {
    a.send(publish("orders", 1));
    const frames = [await a.receive(), await a.receive()].sort((x, y) => x.type.localeCompare(y.type));
    assert.deepEqual(frames, [ack("orders"), event("orders", 1)]);
  });
  for (const payload of [null, "text", 99.5, true, [], {}, [{ a: [null] }]]) {
    await step(`a payload may be ${JSON.stringify(payload)}`, async () => {
      await b.ask(publish("orders", payload), ack("orders"));
      await a.expect(event("orders", payload));
    });
  }
  await step("a payload comes out as the text that went in", async () => {
    const text = String.raw`{"n":[99.50, 1e400,12345678901234567890123], "k":1,"k":"\u00e9\/", "a" : "é"}`;
    const message = `{"payload":${text},"id":"${UUID}"}`;
    b.socket.send(`{"type":"publish","topic":"orders","message":${message}}`);
    await b.expect(ack("orders"));
    assert.ok((await a.text()).includes(`"message":${message}`));
  });

  await step("subscribe with last_n is acknowledged first, then replayed oldest first, then live", async () => {
    for (const n of [1, 2, 3]) await b.ask(publish("orders", n), ack("orders"));
    await a.expect(event("orders", 1), event("orders", 2), event("orders", 3));
    await b.ask(subscribe("orders", { last_n: 2 }), ack("orders"), event("orders", 2), event("orders", 3));
    await a.ask(unsubscribe("orders", { request_id }), ack("orders", request_id));
    await a.ask(publish("orders", 4), ack("orders"));
    await b.expect(event("orders", 4));
    await b.nothingMore();
  });
  await step("last_n may ask for more than there is", async () => {
    assert.deepEqual(await rest("POST", "/topics", { name: "few" }), created("few"));
    await b.ask(publish("few", 1), ack("few"));
    await b.ask(subscribe("few", { last_n: 1_000_000, request_id: "" }), ack("few", ""), event("few", 1));
    await b.nothingMore();
  });

  await step("after unsubscribe no event comes", async () => {
    await a.nothingMore();
  });
  await step("unsubscribe without a subscription is acknowledged", async () => {
    await a.ask(unsubscribe("orders", { request_id }), ack("orders", request_id));
  });

  for (const make of [subscribe, unsubscribe, (topic, more) => publish(topic, 0, more)]) {
    const frame = make("nowhere", { request_id });
    await step(`${frame.type} to a topic that does not exist is TOPIC_NOT_FOUND`, async () => {
      await a.ask(frame, error("TOPIC_NOT_FOUND", 'there is no topic "nowhere"', request_id));
    });
  }
  await step("nothing was created by it", async () => {
    const topics = [{ name: "orders", subscribers: 1 }, { name: "few", subscribers: 1 }];
    assert.deepEqual(await rest("GET", "/topics"), { status: 200, body: { topics } });
  });

  const types = "expected one of ping, publish, subscribe, unsubscribe";
  const badFrames = [
    ["text that is no JSON", "hello", "the frame is not valid JSON: a value is expected (line 1, column 1)"],
    ["JSON that is no object", "[]", "the frame must be a JSON object, not an array"],
    ["a frame without type", '{"request_id":"r"}', `type is required: ${types}`, "r"],
    ["an unknown type", '{"type":"publsh","request_id":"r"}', `unknown type "publsh": ${types}`, "r"],
    ["a missing field", '{"type":"subscribe","client_id":"s1"}', "topic is required"],
    ["an unknown field", '{"type":"ping","now":1,"request_id":"r"}', "unknown field now", "r"],
    ["a request_id that is no string", '{"type":"ping","request_id":5}', "request_id must be a string, not 5"],
    ["a negative last_n", JSON.stringify(subscribe("orders", { last_n: -1 })), "last_n must be 0 or more"],
    [
      "a message.id that is no UUID",
      '{"type":"publish","topic":"orders","message":{"id":"1","payload":{}},"request_id":"req-67890"}',
      "message.id must be a valid UUID",
      "req-67890",
    ],
    ["a binary frame", new TextEncoder().encode('{"type":"ping"}'), "the frame is binary; send JSON in text frames"],
  ];
  for (const [name, data, message, id] of badFrames) {
    await step(`${name} is a BAD_REQUEST, and the next frame works`, () => a.refused(data, message, id));
  }

  await step("a heartbeat comes by itself", async () => {
    const before = a.heartbeats;
    await a.until(() => a.heartbeats > before);
  });

  await step("deleting a topic tells its subscriber, whose connection stays open", async () => {
    assert.deepEqual(await rest("DELETE", "/topics/orders"), deleted("orders"));
    await b.expect({ type: "info", topic: "orders", msg: "topic_deleted" });
    await b.ask(publish("few", 2), ack("few"), event("few", 2));
    await a.nothingMore();
  });
  await step("a deleted topic is gone", async () => {
    const gone = problem(404, "topic-not-found", "Topic not found", 'there is no topic "orders"');
    assert.deepEqual(await rest("DELETE", "/topics/orders"), gone);
    await a.ask(publish("orders", 0), error("TOPIC_NOT_FOUND", 'there is no topic "orders"'));
  });
  await step("a new topic of the same name has neither its subscribers nor its messages", async () => {
    assert.deepEqual(await rest("POST", "/topics", { name: "orders" }), created("orders"));
    await a.ask(publish("orders", "new"), ack("orders"));
    await b.nothingMore();
    await b.ask(subscribe("orders", { last_n: 100 }), ack("orders"), event("orders", "new"));
  });

  await step("one subscription too many is LIMIT_EXCEEDED", async () => {
    let answer;
    let count = 0;
    for (; count <= 10_000; count++) {
      await rest("POST", "/topics", { name: `many-${count}` });
      a.send(subscribe(`many-${count}`, { request_id }));
      answer = await a.receive();
      if (answer.type === "error") break;
      assert.deepEqual(answer, ack(`many-${count}`, request_id));
    }
    const message = `a connection may have at most ${count} subscriptions`;
    assert.deepEqual(answer, error("LIMIT_EXCEEDED", message, request_id));
    await a.nothingMore();
    for (let n = 0; n <= count; n++) assert.deepEqual(await rest("DELETE", `/topics/many-${n}`), deleted(`many-${n}`));
    for (let n = 0; n < count; n++) await a.expect({ type: "info", topic: `many-${n}`, msg: "topic_deleted" });
  });

  await step("a slow consumer is told how many messages it missed, in their place", async () => {
    assert.deepEqual(await rest("POST", "/topics", { name: "flood" }), created("flood"));
    const go = new Int32Array(new SharedArrayBuffer(4));
    const slow = new Worker(new URL(import.meta.url), { workerData: { url, go } });
    const said = () => new Promise((resolve, reject) => slow.once("message", resolve).once("error", reject));
    assert.equal(await said(), "subscribed");

    const padding = "x".repeat(65_536);
    const dropped = async () => (await rest("GET", "/stats")).body.topics.flood.dropped;
    let total = 0;
    const send = (last) => a.ask(publish("flood", { n: total++, last, padding }), ack("flood"));
    while ((await dropped()) === 0) await send(false);
    await send(true);
    const frames = said();
    Atomics.store(go, 0, 1);
    Atomics.notify(go, 0);

    let n = 0;
    let missed = 0;
    for (const frame of await frames) {
      if (frame.type === "event") {
        assert.deepEqual(frame, event("flood", { n, last: n === total - 1, padding }));
        n++;
      } else {
        kinds.received.add(`error ${frame.error.code}`);
        const count = frame.error.dropped;
        const were = count === 1 ? '1 message of topic "flood" was' : `${count} messages of topic "flood" were`;
        const message = `${were} dropped because this connection did not read fast enough`;
        const expected = { code: "SLOW_CONSUMER", message, dropped: count };
        assert.deepEqual(frame, { type: "error", topic: "flood", error: expected });
        missed += count;
        n += count;
      }
    }
    assert.equal(n, total);
    assert.ok(missed > 0);
    assert.equal(missed, await dropped());
  });

  await step("a frame past the size limit closes the connection with 1009", async () => {
    const client = await connect();
    client.socket.send(" ".repeat(1_048_577));
    assert.equal((await client.closed).code, 1009);
  });

  if (securedUrl) {
    await step("a handshake without the key is refused with 401 and says why", async () => {
      await new Client(securedUrl).failed;
      const headers = {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      };
      const response = await new Promise((resolve, reject) =>
        http.get(`${securedUrl}/ws`, { headers }, resolve).on("error", reject),
      );
      assert.equal(response.statusCode, 401);
      assert.equal(response.headers["content-type"], "application/problem+json");
      assert.equal(response.headers["www-authenticate"], 'ApiKey realm="specbus"');
      const detail = "the API key in X-API-Key is missing or wrong";
      const body = { type: "about:blank", title: "Unauthorized", status: 401, detail };
      assert.deepEqual(JSON.parse(Buffer.concat(await response.toArray())), body);
    });
    await step("a handshake with the key is accepted", async () => {
      const client = await new Client(securedUrl, { headers: { "X-API-Key": key } }).opened;
      await client.nothingMore();
      client.socket.close();
      await client.closed;
    });
  }

  await step("the connections close cleanly", async () => {
    for (const client of [a, b]) {
      client.socket.close(1000);
      const { code, wasClean } = await client.closed;
      assert.deepEqual({ code, wasClean }, { code: 1000, wasClean: true });
    }
  });

  for (const topic of ["orders", "few", "flood"]) await rest("DELETE", `/topics/${topic}`);
  console.log(JSON.stringify({ sent: [...kinds.sent].sort(), received: [...kinds.received].sort() }));
}

await (isMainThread ? main() : beSlow());
