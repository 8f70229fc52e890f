// Watches the temperatures of one topic, and publishes an alert on another when one is too high. Ctrl-C ends it.
//
//   node alerts.ts
//
// Temperatures are messages of the topic "sensors": {"sensor": "cellar", "celsius": 21.5}. Alerts go to "alerts".

import { Client } from "specbus-client";

interface Reading {
  sensor: string;
  celsius: number;
}

const LIMIT = 30;

const client = new Client(process.env.PUBSUB_URL ?? "http://127.0.0.1:8080");
client.on("state", (state) => console.error(`connection: ${state.state}`));
await client.connect();

const readings = client.subscribe("sensors");
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void readings.close());

const hot = new Set<string>();
for await (const event of readings) {
  const { sensor, celsius } = event.message.payload as Reading;
  if (celsius <= LIMIT) {
    hot.delete(sensor);
  } else if (!hot.has(sensor)) {
    hot.add(sensor); // once, until it has cooled down
    await client.publish("alerts", { sensor, celsius, limit: LIMIT });
    console.log(`${sensor} is at ${celsius} degrees`);
  }
}
await client.close();
