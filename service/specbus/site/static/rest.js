// The REST reference: Swagger UI with the document that the service runs from.
import { apiKey, ask, fail, isStatic, onScheme, root } from "./site.js";

onScheme((dark) => document.documentElement.classList.toggle("dark-mode", dark));

const where = document.getElementById("reference");

// A path is a link inside a button there, which screen readers cannot reach: the button says it all.
const plainPaths = ({ React }) => ({
  components: { DeepLink: ({ text }) => React.createElement("span", null, text) },
});

// Swagger UI's list of servers has no name.
new MutationObserver(() => {
  where.querySelector("#servers:not([aria-label])")?.setAttribute("aria-label", "Server");
}).observe(where, { childList: true, subtree: true });

try {
  const spec = await ask("openapi.json");
  // Relative to the document: shown in full, with the address that it was asked at.
  for (const server of isStatic ? [] : spec.servers ?? []) server.url = new URL(server.url, root).href.replace(/\/$/, "");
  const ui = window.SwaggerUIBundle({
    spec,
    domNode: where,
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    plugins: [plainPaths],
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
} catch (error) {
  fail(where, `The document cannot be shown: ${error.message}`);
}
