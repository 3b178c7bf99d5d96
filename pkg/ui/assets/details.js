// One Event: the verdict and why, its message, and its JSON.
import { post } from "./api.js";
import { byId, copy, h, line, lines } from "./dom.js";
import { goTo } from "./editor.js";
import { model } from "./model.js";
import { leaveRow, select, showRow } from "./table.js";
import { when } from "./time.js";

const panel = byId("details");
let current = 0;
let opening = false; // the Event is not on the screen yet
let asking = null;
let decidedBy = ""; // the lists that what is shown was decided by
let makeFilter = () => {};

export function startDetails(onMakeFilter) {
  makeFilter = onMakeFilter;
  panel.addEventListener("keydown", (e) => { if (e.key === "Escape") close(); });
  // Only another list changes what is shown about an Event. New Events do not, and
  // leave the focus and the selection where they are.
  model.addEventListener("evaluation", () => { if (current && decidedBy !== lists()) load(current); });
}

const lists = () => JSON.stringify([model.text, model.state?.list.text]);

/** Opens an Event. */
export function openDetails(id) {
  opening = true;
  load(id);
}

function close() {
  const id = current;
  current = 0;
  select(0);
  leaveRow(id); // ahead of the rest, because a taller table scrolls less
  panel.hidden = true;
}

async function load(id) {
  asking?.abort();
  asking = new AbortController();
  current = id;
  const by = lists();
  let x;
  try {
    x = await post("explain", { event: id }, model.text, asking.signal);
  } catch (err) {
    if (err.name === "AbortError") return;
    if (opening) draw(id, [h("p", { class: "note" }, err.message)], "Event");
    return;
  }
  if (current !== id) return;
  decidedBy = by;
  const o = x.event.involvedObject;
  draw(id, body(id, x), [h("span", { class: "kind" }, line(o.kind ?? "")), `${line(o.namespace ? `${o.namespace}/` : "")}${line(o.name ?? "")}`, " · ", line(x.event.reason ?? "")]);
}

function draw(id, content, title) {
  const opened = [...panel.querySelectorAll("details")].some((d) => d.open);
  const at = panel.scrollTop;
  const heading = h("h3", { id: "details-title", tabindex: "-1", dataset: { focus: "title" } }, title);
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  panel.replaceChildren(
    h("header", {}, heading,
      h("button", { type: "button", class: "primary", dataset: { focus: "make" }, onclick: () => makeFilter(id) }, "Make a filter of this"),
      h("button", { type: "button", class: "icon", "aria-label": "Close", dataset: { focus: "close" }, onclick: close }, "✕")),
    ...content);
  panel.hidden = false;
  if (opening) {
    opening = false;
    panel.scrollTop = 0;
    showRow(id);
    heading.focus({ preventScroll: true });
  } else {
    panel.scrollTop = at;
    const details = panel.querySelector("details");
    if (details) details.open = opened;
    if (focused) panel.querySelector(`[data-focus=${focused}]`)?.focus({ preventScroll: true });
  }
}

function body(id, x) {
  const recorded = x.recorded;
  const differs = recorded.verdict !== x.verdict || recorded.by !== x.by;
  const out = [];
  if (!x.runs) out.push(h("p", { class: "note" }, "The list in the editor has faults. This is what the list before your edit decides."));
  out.push(h("p", { class: "verdict-line" },
    h("span", { class: `chip ${x.verdict}` }, x.verdict), "by", h("span", { class: "by-name" }, line(x.by)),
    x.verdict === "accept" ? [x.destination ? "is sent to" : "builds", h("code", {}, line(x.destination ?? x.project ?? "")), x.buildID ? ["as", h("code", {}, x.buildID)] : null] : null,
    differs ? h("span", { class: "sub" }, `when it was seen: ${recorded.verdict} by ${line(recorded.by)}`) : null));
  out.push(steps(x));
  if (x.event.message) out.push(h("p", { class: "message", tabindex: "0", role: "region", "aria-label": "Message" }, lines(x.event.message)));
  out.push(facts(x.event));
  const json = JSON.stringify(x.event, null, 2);
  out.push(h("details", {}, h("summary", {}, "JSON"),
    h("pre", { class: "json" }, lines(json)),
    h("button", { type: "button", onclick: (e) => copy(json, e.currentTarget) }, "Copy JSON")));
  return out;
}

function steps(x) {
  if (x.steps.length === 0) return h("p", { class: "sub" }, "The list has no filters, and what no filter matches is rejected.");
  const rows = x.steps.map((s) => h("li", { class: s.matched ? "matched" : "" },
    h("button", { type: "button", class: "link by-name", onclick: () => goTo(s.by) }, line(s.by)),
    h("span", { class: "why" }, s.why ? line(s.why) : "all its conditions hold")));
  if (x.by === "default") rows.push(h("li", { class: "matched" }, h("span", { class: "by-name" }, "default"), h("span", { class: "why" }, "no filter matched")));
  return h("ol", { class: "steps", "aria-label": "Filters that were tried" }, rows);
}

function facts(e) {
  const fact = (name, value) => (value ? [h("dt", {}, name), h("dd", {}, line(String(value)))] : []);
  const ms = (t) => (t ? when(Date.parse(t)) : "");
  const count = e.series?.count || e.count;
  return h("dl", { class: "facts" },
    fact("Type", e.type), fact("Reported by", e.source?.component || e.reportingComponent),
    fact("Count", count), fact("First", ms(e.firstTimestamp || e.eventTime)), fact("Last", ms(e.series?.lastObservedTime || e.lastTimestamp)),
    fact("Event", `${e.metadata.namespace ?? ""}/${e.metadata.name ?? ""}`));
}
