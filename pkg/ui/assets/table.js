// The table of Events. It shows the newest first and stays where it is while
// the user reads: new rows wait as long as the table is scrolled, the pointer
// or the focus is on a row, or the reader paused it.
import { announce, byId, h, line, plural } from "./dom.js";
import { model } from "./model.js";
import { age, when } from "./time.js";

const pageSize = 200;
const redrawMs = 200;

const scroll = byId("rows");
const table = scroll.querySelector("table");
const tbody = byId("tbody");
const search = byId("search");
const pause = byId("pause");
const pill = byId("pill");
const more = byId("more");
const empty = byId("empty");
const verdicts = byId("verdicts");
const bySelect = byId("by");

let open = () => {};
let selected = 0;
let opened = null; // how far opening an Event has scrolled the table, {from, to}
let limit = pageSize;
let frozen = Infinity; // the newest row that is shown
let paused = false;
let over = false;
let drawn = new Map(); // id → tr
let show = "all";
let by = "";
let scheduled = 0;

/** The chips that choose verdicts; "changed" only while a list is edited. */
const choices = [
  ["all", "All", () => true],
  ["accept", "Accepted", (d) => d.is.verdict === "accept"],
  ["reject", "Rejected", (d) => d.is.verdict === "reject"],
  ["gained", "Gained", (d) => d.change === "gained"],
  ["lost", "Lost", (d) => d.change === "lost"],
  ["faults", "Faulted", (d, row) => row.faults > 0],
];
const chips = new Map();

export function startTable(onOpen) {
  open = onOpen;
  for (const [value, label] of choices) {
    const input = h("input", { type: "radio", name: "verdict", value, checked: value === "all" });
    const count = h("b", {}, "0");
    const chip = h("label", {}, input, label, count);
    input.addEventListener("change", () => { show = value; refilter(); });
    chips.set(value, { chip, count, input });
    verdicts.append(chip);
  }
  search.addEventListener("input", refilter);
  bySelect.addEventListener("change", () => { by = bySelect.value; refilter(); });
  pause.addEventListener("click", togglePause);
  pill.addEventListener("click", () => { if (paused) togglePause(); release(true); });
  more.addEventListener("click", () => { limit += pageSize; draw(); });
  scroll.addEventListener("scroll", () => { if (scroll.scrollTop < 4 && !holding()) release(false); }, { passive: true });
  tbody.addEventListener("pointerenter", (e) => { if (e.pointerType === "mouse") over = true; });
  tbody.addEventListener("pointerleave", () => { over = false; if (!holding()) release(false); });
  tbody.addEventListener("focusout", () => setTimeout(() => { if (!holding()) release(false); }));
  tbody.addEventListener("click", (e) => {
    const tr = e.target.closest("tr");
    if (tr && !getSelection().toString()) choose(Number(tr.dataset.id));
  });
  tbody.addEventListener("keydown", (e) => {
    const to = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[e.key];
    const next = to && e.target.closest("tr")?.[to];
    if (!next) return;
    e.preventDefault();
    next.querySelector("button").focus();
  });
  for (const what of ["rows", "evaluation", "state", "connection", "text", "status"]) model.addEventListener(what, schedule);
  setInterval(tick, 1000);
  draw();
}

/** Shows the rows that a filter decides on. */
export function showBy(name) {
  show = "all";
  chips.get("all").input.checked = true;
  by = name;
  refilter();
}

/** Shows the rows with a verdict, "gained" and "lost" among them. */
export function showVerdict(value) {
  by = "";
  show = value;
  chips.get(value).input.checked = true;
  refilter();
}

/** Marks a row as the one that is open; 0 for none. */
export function select(id) {
  drawn.get(selected)?.setAttribute("aria-selected", "false");
  selected = id;
  drawn.get(id)?.setAttribute("aria-selected", "true");
}

/** Scrolls to the row of the Event that is open, because its panel may cover it. */
export function showRow(id) {
  const from = scroll.scrollTop === opened?.to ? opened.from : scroll.scrollTop;
  drawn.get(id)?.scrollIntoView({ block: "nearest" });
  opened = { from, to: scroll.scrollTop };
}

/** Goes back to a row whose Event was closed, and to where the table was before. */
export function leaveRow(id) {
  if (scroll.scrollTop === opened?.to) scroll.scrollTop = opened.from;
  opened = null;
  (drawn.get(id)?.querySelector("button") ?? scroll).focus({ preventScroll: true });
}

function choose(id) {
  select(id);
  open(id);
}

export function togglePause() {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.querySelector("span").textContent = paused ? "Resume" : "Pause";
  announce(paused ? "Paused" : "Following");
  if (paused) frozen = newest();
  else release(false);
  model.changed("paused");
}

export const isPaused = () => paused;

const newest = () => model.rows.at(-1)?.id ?? 0;

/** Whether new rows have to wait. */
function holding() {
  return paused || scroll.scrollTop >= 4 || over || tbody.contains(document.activeElement);
}

/** Shows the rows that waited. */
function release(toTop) {
  frozen = Infinity;
  if (toTop) scroll.scrollTop = 0;
  draw(true);
  if (toTop) scroll.focus({ preventScroll: true }); // not a row, which would hold new ones
}

function refilter() {
  limit = pageSize;
  scroll.scrollTop = 0;
  if (!paused) frozen = Infinity;
  draw();
}

function schedule() {
  if (scheduled) return;
  scheduled = setTimeout(() => { scheduled = 0; draw(); }, drawn.size === 0 ? 0 : redrawMs);
}

/** Returns whether a row has all words of the search. */
function found(row, words) {
  if (words.length === 0) return true;
  row.text ??= [row.namespace ?? "", row.key, row.reason, row.type, row.component ?? "", row.message].join("\n").toLowerCase();
  return words.every((w) => row.text.includes(w));
}

function draw(released = false) {
  if (!released && !holding()) frozen = Infinity; // a row that had the focus may be gone
  else if (!released && frozen === Infinity && drawn.size > 0) frozen = Math.max(...drawn.keys());
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const test = choices.find((c) => c[0] === show)[2];
  const counts = new Map(choices.map(([value]) => [value, 0]));
  const deciders = new Map();
  const wanted = [];
  let waiting = 0;
  let matching = 0;
  for (let i = model.rows.length - 1; i >= 0; i--) {
    const row = model.rows[i];
    const d = model.decision(row);
    deciders.set(d.is.by, (deciders.get(d.is.by) ?? 0) + 1);
    const listed = (by === "" || d.is.by === by) && found(row, words);
    if (!listed) continue;
    for (const [value, , holds] of choices) if (holds(d, row)) counts.set(value, counts.get(value) + 1);
    if (!test(d, row)) continue;
    if (row.id > frozen) { waiting++; continue; }
    matching++;
    if (wanted.length < limit) wanted.push([row, d]);
  }
  drawChips(counts);
  drawDeciders(deciders);
  drawRows(wanted);
  pill.hidden = waiting === 0;
  pill.textContent = `${waiting.toLocaleString("en")} new`;
  pill.setAttribute("aria-label", `Show ${plural(waiting, "new Event")}`);
  more.hidden = matching <= wanted.length;
  drawEmpty(wanted.length);
}

function drawChips(counts) {
  for (const [value, { chip, count, input }] of chips) {
    const n = counts.get(value);
    const text = n.toLocaleString("en");
    if (count.textContent !== text) count.textContent = text;
    const optional = { gained: model.edited, lost: model.edited, faults: n > 0 }[value];
    chip.hidden = optional === false && !input.checked;
  }
}

function drawDeciders(deciders) {
  const names = [...deciders.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (by !== "" && !deciders.has(by)) names.push(by);
  const wanted = ["", ...names].map((n) => (n === "" ? "decided by any filter" : `${n} (${deciders.get(n) ?? 0})`));
  if (document.activeElement === bySelect && bySelect.options.length === wanted.length) return;
  const same = bySelect.options.length === wanted.length && wanted.every((t, i) => bySelect.options[i].textContent === t);
  if (!same) bySelect.replaceChildren(...wanted.map((t, i) => h("option", { value: ["", ...names][i] }, line(t))));
  bySelect.value = by;
}

function drawRows(wanted) {
  table.classList.toggle("changed", model.edited);
  const fresh = drawn.size > 0 && !document.hidden;
  const next = new Map();
  let cursor = tbody.firstElementChild;
  for (const [row, d] of wanted) {
    let tr = drawn.get(row.id);
    if (!tr) {
      tr = makeRow(row);
      if (fresh) tr.classList.add("fresh");
    }
    drawVerdict(tr, row, d);
    next.set(row.id, tr);
    if (tr === cursor) cursor = cursor.nextElementSibling;
    else tbody.insertBefore(tr, cursor);
  }
  while (cursor) {
    const gone = cursor;
    cursor = cursor.nextElementSibling;
    gone.remove();
  }
  drawn = next;
}

function makeRow(row) {
  const at = row.at || row.seen;
  const cell = (name, ...content) => h("td", { role: "cell", class: name }, ...content);
  return h("tr", { role: "row", dataset: { id: row.id, at }, "aria-selected": String(row.id === selected) },
    cell("c-when", h("time", { datetime: new Date(at).toISOString(), title: when(at) }, age(at))),
    cell("c-verdict"),
    cell("c-ns", line(row.namespace ?? "")),
    h("td", { role: "cell", class: "c-object", title: line(row.key) },
      h("button", { type: "button", class: "row-open" },
        h("span", { class: "kind" }, line(row.kind)),
        row.namespace ? h("span", { class: "in-ns" }, `${line(row.namespace)}/`) : null,
        line(row.name))),
    h("td", { role: "cell", class: "c-reason", title: line(row.reason) }, line(row.reason)),
    cell(`c-type${row.type === "Warning" ? " warning" : ""}`, line(row.type)),
    cell("c-count", row.count.toLocaleString("en")),
    cell("c-message", line(row.message)));
}

function drawVerdict(tr, row, d) {
  const signature = [d.is.verdict, d.is.by, d.change, d.was?.verdict, d.was?.by].join("\n");
  if (tr.signature === signature) return;
  tr.signature = signature;
  if (d.change) tr.dataset.change = d.change;
  else delete tr.dataset.change;
  tr.children[1].replaceChildren(
    ...(d.was ? [h("span", { class: "chip old", title: `now, by ${line(d.was.by)}` }, d.was.verdict), h("span", { class: "arrow" }, "→")] : []),
    h("span", { class: `chip ${d.is.verdict}${d.change === "lost" ? " lost" : ""}` }, d.is.verdict),
    h("span", { class: "by-name", title: line(d.is.by) }, line(d.is.by)),
    ...(row.faults ? [h("span", { class: "flag", title: "an expression failed on this Event" }, "!"), h("span", { class: "hidden" }, "an expression failed")] : []));
}

function drawEmpty(n) {
  empty.hidden = n > 0;
  if (n > 0) return;
  const say = (title, ...rest) => empty.replaceChildren(h("b", {}, title), ...rest.map((r) => (typeof r === "string" ? h("p", {}, r) : r)));
  const state = model.sourceState;
  if (model.rows.length > 0) {
    const clear = h("button", { type: "button", onclick: () => { search.value = ""; showVerdict("all"); search.focus(); } }, "Clear search and filters");
    if (empty.dataset.is === "filtered") return;
    empty.dataset.is = "filtered";
    say("No Event matches", "None of the Events that are held has this verdict and these words.", clear);
    return;
  }
  empty.dataset.is = state;
  if (state === "failed") say("No Events", "They cannot be read; the line above says why.");
  else if (state === "ended") say("No Events in this input", "Save or pipe what kubectl prints:", h("code", {}, "kubectl get events -A -o json > events.json"));
  else if (state === "following") say("No Events yet", "Kubernetes keeps Events for an hour, and there are none. Make some:", h("code", {}, "kubectl create deployment hello --image=nginx"));
  else if (state === "standing by") say("Standing by", "Another replica leads and reads the Events. Open the page of its pod; Now says which it is.");
  else say("Connecting", "Asking for the Events that are there.");
}

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const tr of drawn.values()) {
    const text = age(Number(tr.dataset.at), now);
    const time = tr.firstElementChild.firstElementChild;
    if (time.textContent !== text) time.textContent = text;
  }
}
