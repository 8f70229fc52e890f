// The REST reference: Swagger UI with the document that the service runs from.
import { apiKey, ask, element, fail, isStatic, onScheme, reference, restOperations, root } from "./site.js";

onScheme((dark) => document.documentElement.classList.toggle("dark-mode", dark));

const where = document.getElementById("reference");

const ours = ({ React }) => ({
  components: {
    // A path is a link inside a button there, which screen readers cannot reach: the button says it all.
    DeepLink: ({ text }) => React.createElement("span", null, text),
  },
  wrapComponents: {
    Markdown: (Original) => (props) => React.createElement(Original, { ...props, source: plain(props.source) }),
    // An address of its own for each operation, to be copied.
    OperationSummary: (Original) => (props) => {
      const [tag, id] = ["tag", "operationId"].map((name) => props.operationProps.get(name));
      const link = { className: "anchor", href: reference.rest(tag, id), title: "Link to this operation", "aria-label": `Link to ${id}` };
      return React.createElement("div", { className: "anchored" }, React.createElement(Original, props), React.createElement("a", link, "#"));
    },
  },
});

// Swagger UI's list of servers has no name.
new MutationObserver(() => {
  where.querySelector("#servers:not([aria-label])")?.setAttribute("aria-label", "Server");
}).observe(where, { childList: true, subtree: true });

try {
  const spec = await ask("openapi.json");
  contents(spec);
  // Relative to the document: shown in full, with the address that it was asked at.
  for (const server of isStatic ? [] : spec.servers ?? []) server.url = new URL(server.url, root).href.replace(/\/$/, "");
  const ui = window.SwaggerUIBundle({
    spec,
    domNode: where,
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    plugins: [ours],
    // A file server takes no requests.
    supportedSubmitMethods: isStatic ? [] : ["get", "put", "post", "delete", "options", "head", "patch"],
    onComplete: () => {
      if (apiKey.get()) {
        for (const [name, scheme] of Object.entries(spec.components?.securitySchemes ?? {})) {
          if (scheme.type === "apiKey") ui.preauthorizeApiKey(name, apiKey.get());
        }
      }
      where.removeAttribute("aria-busy");
    },
  });
  // It follows the address when it starts, and not later.
  addEventListener("hashchange", () => {
    const [, tag, id] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const operation = document.getElementById(`operations-${tag}-${id}`);
    if (!operation) return;
    if (!operation.classList.contains("is-open")) ui.layoutActions.show(["operations", tag, id], true);
    operation.scrollIntoView();
    operation.querySelector("button").focus({ preventScroll: true });
  });
} catch (error) {
  fail(where, `The document cannot be shown: ${error.message}`);
}

/** List the operations, each with its address. */
function contents(spec) {
  const rows = Map.groupBy(restOperations(spec), ({ tag }) => tag);
  const order = [...new Set([...(spec.tags ?? []).map(({ name }) => name), ...rows.keys()])].filter((tag) => rows.has(tag));
  document.getElementById("contents").replaceChildren(
    ...order.flatMap((tag) => [
      element("h2", {}, tag),
      element(
        "ul",
        {},
        ...rows.get(tag).map(({ method, path, id, summary }) =>
          element("li", {}, element("a", { href: reference.rest(tag, id), title: `${method.toUpperCase()} ${path}` }, element("span", { className: `method ${method}` }, method.toUpperCase()), element("span", {}, summary || path))),
        ),
      ),
    ]),
    element("p", {}, element("a", { href: new URL("openapi.json", root).href }, "openapi.json")),
  );
}

/** Markdown without HTML and pictures in it: outside of code, both are text. */
function plain(source) {
  return String(source ?? "").replace(/(`+)[\s\S]*?[^`]\1(?!`)|!\[|<(?!https?:)/g, (found) => ({ "<": "&lt;", "![": "!\\[" })[found] ?? found);
}
