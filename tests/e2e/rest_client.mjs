// Publishes the numbers below COUNT over REST, one after the other, in turn with fetch and with an agent that keeps its
// connection: node rest_client.mjs URL-OF-THE-MESSAGES COUNT

import http from "node:http";

const [url, count] = process.argv.slice(2);
const options = { method: "POST", headers: { "Content-Type": "application/json" } };
const agent = new http.Agent({ keepAlive: true });

const fetched = async (body) => {
  const answer = await fetch(url, { ...options, body });
  return [answer.status, await answer.text()];
};
const requested = (body) =>
  new Promise((resolve, reject) => {
    const request = http.request(url, { ...options, agent }, async (answer) => {
      let text = "";
      for await (const part of answer) text += part;
      resolve([answer.statusCode, text]);
    });
    request.on("error", reject).end(body);
  });

for (let payload = 0; payload < Number(count); payload++) {
  const publish = payload % 2 ? requested : fetched;
  console.log(...(await publish(JSON.stringify({ id: crypto.randomUUID(), payload }))));
}
agent.destroy();
