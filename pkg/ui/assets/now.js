// What the daemon is doing.
import { byId, h } from "./dom.js";
import { model } from "./model.js";

const content = byId("now-content");

export function startNow() {
  model.addEventListener("status", draw);
}

function draw() {
  content.replaceChildren(h("div", { class: "grid" }));
}
