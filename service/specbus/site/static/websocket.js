// The WebSocket reference: asyncapi-viewer with the document that the service runs from.
import { ask, element, fail } from "./site.js";

const where = document.getElementById("reference");
try {
  const document_ = await ask("asyncapi.json");
  const src = URL.createObjectURL(new Blob([JSON.stringify(document_)], { type: "application/json" }));
  const viewer = element("asyncapi-viewer", { id: "ws" });
  viewer.setAttribute("src", src);
  viewer.setAttribute("sidebar", "");
  viewer.setAttribute("receive-label", "YOU SEND");
  viewer.setAttribute("reply-label", "YOU SEND");
  viewer.setAttribute("send-label", "YOU GET");
  viewer.addEventListener("asyncapi-load", () => where.removeAttribute("aria-busy"));
  where.replaceChildren(viewer);
} catch (error) {
  fail(where, `The document cannot be shown: ${error.message}`);
}
