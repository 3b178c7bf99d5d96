// What the list in the editor does with all stored Events.
import { post, Refused } from "./api.js";
import { byId, h, line, plural } from "./dom.js";
import { goTo, markFaults } from "./editor.js";
import { model } from "./model.js";
import { showBy, showVerdict } from "./table.js";
import { minuteOf } from "./time.js";
import { goToView } from "./views.js";

const typedMs = 120; // after the last key
const retryMs = 3000;

const region = byId("effect");
let timer = 0;
let asking = null;
let evaluated = 0; // the newest Event in the last evaluation
let trouble = "";
let pause = 1500; // milliseconds that new Events wait for an evaluation, as the gateway says

const newest = () => model.rows.at(-1)?.id ?? 0;

export function startEffect() {
  model.addEventListener("text", () => plan(typedMs));
  model.addEventListener("state", () => { if (model.text) plan(typedMs); });
  model.addEventListener("rows", () => {
    if (model.rows.length === 0) evaluated = 0; // another process answers
    if (newest() > evaluated && model.state) planLater();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(typedMs); });
  model.addEventListener("evaluation", draw);
  draw();
}

/** Evaluates after some time, even if it is planned already. */
function plan(ms) {
  clearTimeout(timer);
  timer = setTimeout(evaluate, ms);
}

/** Evaluates because of new Events, unless it is planned already. */
function planLater() {
  timer ||= setTimeout(evaluate, pause);
}

async function evaluate() {
  timer = 0;
  if (document.hidden) return;
  asking?.abort(); // the gateway stops with it
  const mine = new AbortController();
  asking = mine;
  const text = model.text;
  try {
    const e = await post("evaluate", {}, text, mine.signal);
    if (text !== model.text) return;
    trouble = "";
    evaluated = e.through;
    pause = e.pause;
    markFaults(e.faults);
    region.classList.toggle("stale", !e.runs);
    if (e.runs) model.evaluate(e);
    else model.changed("evaluation");
    // Browsers that ask at the same time share an answer, which may lack the newest Events.
    if (newest() > evaluated) planLater();
  } catch (err) {
    if (err.name === "AbortError") return;
    trouble = err instanceof Refused ? err.message : "The gateway does not answer.";
    region.classList.add("stale");
    model.changed("evaluation");
    if (model.connected) plan(retryMs);
  } finally {
    if (asking === mine) asking = null;
  }
}

function draw() {
  const e = model.evaluation;
  if (!e) {
    region.replaceChildren(h("div", { class: "empty" }, h("p", {}, trouble || (region.classList.contains("stale") ? "Fix the faults to see what the list does." : "Asking what the list does."))));
    return;
  }
  const focus = document.activeElement?.dataset?.focus;
  const at = region.scrollTop;
  const parts = [];
  if (trouble) parts.push(h("p", { class: "note" }, trouble));
  else if (region.classList.contains("stale")) parts.push(h("p", { class: "note" }, "The list has faults. This is what it did before them."));
  parts.push(tiles(e), table(e));
  if (e.waits) parts.push(h("p", { class: "note" }, "The busiest minute has more builds than limits.buildsPerMinute and limits.burst allow: some wait."));
  region.replaceChildren(...parts);
  region.scrollTop = at;
  if (focus) region.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

function tiles(e) {
  const { before, after } = e;
  const changed = (now, was) => (now === was ? [now.toLocaleString("en")] : [h("s", {}, `${was.toLocaleString("en")} → `), now.toLocaleString("en")]);
  const tile = (label, name, ...value) => h("div", { class: `tile ${name}`, title: name === "busiest" && after.busiest ? minuteOf(after.busiestAt) : undefined }, h("b", {}, ...value), label);
  const button = (label, name, value) => h("button", {
    type: "button", class: `tile ${name}`, dataset: { focus: `tile-${name}` }, onclick: () => { showVerdict(name); goToView("live"); },
  }, h("b", {}, value), label);
  const out = [
    tile(`accepted of ${after.events.toLocaleString("en")}`, "accepted", ...changed(after.accepted, before.accepted)),
    tile(after.builds === 1 ? "build" : "builds", "builds", ...changed(after.builds, before.builds)),
    tile(["busiest minute", after.busiest ? h("span", { class: "hidden" }, `, ${minuteOf(after.busiestAt)}`) : null], "busiest", ...changed(after.busiest, before.busiest)),
  ];
  if (model.edited) out.push(button("gained", "gained", `+${e.gained}`), button("lost", "lost", `−${e.lost}`));
  return h("div", { class: "tiles" }, out);
}

function table(e) {
  const most = Math.max(1, ...e.filters.map((f) => f.events));
  const rows = e.filters.map((f) => {
    const bar = h("i", {});
    bar.style.width = `${(100 * f.events) / most}%`;
    const name = h("button", {
      type: "button", class: "link by-name", dataset: { focus: `by-${f.by}` }, title: f.line ? `line ${f.line}` : undefined,
      onclick: () => { showBy(f.by); if (f.line) goTo(f.by); else goToView("live"); },
    }, line(f.by));
    return h("tr", { class: f.action },
      h("td", { class: "f" }, name, h("span", { class: `chip ${f.action}` }, f.action), h("span", { class: "conditions" }, line(f.conditions)),
        f.faults ? h("span", { class: "never" }, `expression failed on ${plural(f.faults, "Event")}`) : null),
      h("td", { class: "n" }, f.events === 0 && f.line ? h("span", { class: "never" }, "never") : [f.events.toLocaleString("en"), h("span", { class: "meter" }, bar)]),
      h("td", { class: "n" }, f.action === "accept" ? f.builds.toLocaleString("en") : "–"));
  });
  return h("table", { class: "counts" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Filter"), h("th", { scope: "col", class: "n" }, "Events"), h("th", { scope: "col", class: "n" }, "Builds"))),
    h("tbody", {}, rows));
}
