// The page: the state in its header, colors, and keys.
import { byId, plural } from "./dom.js";
import { openDetails, startDetails } from "./details.js";
import { startEditor } from "./editor.js";
import { startEffect } from "./effect.js";
import { model } from "./model.js";
import { startNow } from "./now.js";
import { follow } from "./stream.js";
import { suggest } from "./suggest.js";
import { isPaused, startTable, togglePause } from "./table.js";
import { startTakeaway } from "./takeaway.js";
import { goToView, startViews } from "./views.js";

const state = byId("state");
const banner = byId("banner");

function drawHead() {
  const source = model.state?.source;
  let name = model.sourceState;
  let text = { connecting: "connecting", following: "following", ended: "read", failed: "cannot read", "standing by": "standing by" }[name];
  if (isPaused()) [name, text] = ["paused", "paused"];
  if (!model.connected && model.state) [name, text] = ["lost", "disconnected"];
  state.dataset.state = name.replace(" ", "-");
  const held = model.rows.length > 0 ? ` · ${plural(model.rows.length, "Event")}` : "";
  const full = text + held;
  if (state.lastElementChild.textContent !== full) state.lastElementChild.textContent = full;
  state.title = model.shed > 0 ? `${plural(model.shed, "older Event")} not held any more; rejected ones go first` : "";
  drawBanner(source);
}

function drawBanner(source) {
  let title = "", text = "";
  if (!model.connected && model.state) [title, text] = ["The connection to k8s-gateway is lost.", "Is it still running? The page tries again by itself, and keeps your list."];
  else if (source?.state === "failed") [title, text] = [`Events cannot be read: ${source.error}`, "In a cluster this needs the right to list and watch Events: kubectl auth can-i list events --all-namespaces"];
  else if (model.status?.ready && model.status.role !== "starting") [title, text] = [`The gateway is not ready: ${model.status.ready}`, "Now has the rest."];
  const shown = `${title} ${text}`;
  if (banner.dataset.shown === shown) return;
  banner.dataset.shown = shown;
  banner.hidden = title === "";
  const b = document.createElement("b");
  b.textContent = title;
  banner.replaceChildren(b, text);
}

function startTheme() {
  const button = byId("theme");
  const order = ["", "light", "dark"];
  const label = { "": "as the system", light: "light", dark: "dark" };
  const draw = () => {
    const now = document.documentElement.dataset.theme ?? "";
    button.setAttribute("aria-label", `Colors: ${label[now]}`);
    button.title = `Colors: ${label[now]}`;
  };
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(document.documentElement.dataset.theme ?? "") + 1) % order.length];
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem("k8s-gateway.theme", next);
    } catch {
      // Storage is switched off; the choice lasts as long as the page.
    }
    draw();
  });
  draw();
}

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog, .cm-editor")) return;
  if (e.key === "/") {
    e.preventDefault();
    goToView("live", () => byId("search").focus());
  } else if (e.key === "p") {
    togglePause();
  }
});

startTheme();
startTable(openDetails);
startDetails(suggest);
startEditor();
startEffect();
startTakeaway();
startNow();
startViews();
for (const what of ["state", "rows", "connection", "paused", "status"]) model.addEventListener(what, drawHead);
drawHead();
follow();
