// Runs what tests ask for, with an SDK at hand: in Node as a program that takes one request a line, in a browser as a module.
//
//   node sdk_runner.mjs PATH/TO/index.js

const AsyncFunction = (async () => {}).constructor;

globalThis.warnings = [];
console.warn = (...words) => globalThis.warnings.push(words.join(" "));

/** Resolves with the first notice called `name` from now on that `wanted` holds for. */
globalThis.notice = (client, name, wanted = () => true) =>
  new Promise((resolve) => {
    const off = client.on(name, (notice) => wanted(notice) && (off(), resolve(notice)));
  });

/** Resolves when the client has `state`. */
globalThis.inState = async (client, state) => {
  if (client.state !== state) await notice(client, "state", (change) => change.state === state);
};

/** The next `count` events of a subscription. */
globalThis.take = async (subscription, count) => {
  const events = [];
  while (events.length < count) {
    const { value, done } = await subscription.next();
    if (done) break;
    events.push(value);
  }
  return events;
};

/** What `promise` rejects with, as data. */
globalThis.failure = (promise) => promise.then((value) => ({ name: "none", value }), described);

const described = (error) => ({ ...error, name: error.name, message: error.message });

/** Milliseconds after which what was asked for has failed. */
const DEADLINE = 30_000;

/** Run `code`, the body of an async function of `sdk` and `args`; resolves with {"value"} or {"error"}. */
export async function run(sdk, code, args) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(reject, DEADLINE, new Error(`no end in ${DEADLINE} ms of ${code}`))));
  timer.unref?.(); // in Node: tests look at what is active
  try {
    return { value: await Promise.race([new AsyncFunction("sdk", "args", code)(sdk, args), late]) };
  } catch (error) {
    return { error: `${error?.name}: ${error?.message}\n${error?.stack}` };
  } finally {
    clearTimeout(timer);
  }
}

if (globalThis.process?.argv) {
  const { createInterface } = await import("node:readline");
  const { pathToFileURL } = await import("node:url");
  const sdk = await import(pathToFileURL(process.argv[2]));
  for await (const line of createInterface({ input: process.stdin })) {
    const { code, args } = JSON.parse(line);
    console.log(JSON.stringify(await run(sdk, code, args)));
  }
}
