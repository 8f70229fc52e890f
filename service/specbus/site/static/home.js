import { ask, element, fail, isStatic, put, reference, restOperations, root } from "./site.js";

for (const one of document.querySelectorAll(".live-only")) one.hidden = isStatic;

list("rest-operations", "openapi.json", (document_) =>
  restOperations(document_).map(({ method, path, tag, id, summary }) => [`${method.toUpperCase()} ${path}`, summary, reference.rest(tag, id)]),
);
list("websocket-operations", "asyncapi.json", (document_) =>
  Object.entries(document_.operations).map(([name, operation]) => [
    `${operation.action === "receive" ? "you send" : "you get"} ${name}`,
    operation.summary ?? "",
    reference.websocket(name),
  ]),
);
if (!isStatic) health();

async function list(id, name, rows) {
  const where = document.getElementById(id);
  try {
    const found = rows(await ask(name));
    where.replaceChildren(...found.map(([what, summary, href]) => element("li", {}, element("a", { href }, element("code", {}, what)), element("span", {}, summary))));
  } catch (error) {
    where.replaceChildren(element("li", {}, element("span", {}, `${new URL(name, root).pathname}: ${error.message}`)));
  }
  where.removeAttribute("aria-busy");
}

async function health() {
  try {
    const { topics, subscribers, connections, uptime_sec: seconds } = await ask("health");
    put(
      document.getElementById("health"),
      `up for ${seconds} s: ${topics} topics, ${subscribers} subscribers, ${connections} connections`,
    );
  } catch (error) {
    fail(document.getElementById("health"), error.message);
  }
}
