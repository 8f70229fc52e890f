// The WebSocket reference: asyncapi-viewer with the document that the service runs from.
import { ask, element, fail, isStatic, reference } from "./site.js";

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
  viewer.addEventListener("asyncapi-load", async () => {
    await viewer.updateComplete;
    link(viewer, document_.operations ?? {});
    where.removeAttribute("aria-busy");
  });
  where.replaceChildren(viewer);
} catch (error) {
  fail(where, `The document cannot be shown: ${error.message}`);
}

/** Give each operation its address, to be copied, and a way to try it. */
function link(viewer, operations) {
  const style = new CSSStyleSheet();
  style.replaceSync("a.anchor { margin-left: 0.5em; color: var(--_muted); text-decoration: none; font-weight: 400; } a.try { display: inline-block; margin-top: 8px; color: var(--_primary-text); font-size: 14px; }");
  viewer.shadowRoot.adoptedStyleSheets.push(style);
  for (const [name, { action }] of Object.entries(operations)) {
    const href = reference.websocket(name);
    const article = viewer.shadowRoot.getElementById(new URL(href).hash.slice(1));
    article?.querySelector("h3")?.append(element("a", { className: "anchor", href, title: "Link to this operation", ariaLabel: `Link to ${name}` }, "#"));
    if (action === "receive" && !isStatic) article?.querySelector(".op__intro")?.append(element("a", { className: "try", href: reference.console(name) }, "Try it in the console"));
  }
}
