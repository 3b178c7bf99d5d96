// What the daemon is doing.
import { byId, command, copy, h, line, lines, plural } from "./dom.js";
import { model } from "./model.js";
import { age, when } from "./time.js";

const content = byId("now-content");
let drawn = "";

export function startNow() {
  model.addEventListener("status", draw);
  setInterval(() => { if (!document.hidden) ages(); }, 1000);
}

const ms = (t) => Date.parse(t);
const ago = (t) => h("time", { datetime: t, dataset: { age: ms(t) }, title: when(ms(t)) }, `${age(ms(t))} ago`);

function ages() {
  for (const el of content.querySelectorAll("time[data-age]")) {
    const text = `${age(Number(el.dataset.age))} ago`;
    if (el.textContent !== text) el.textContent = text;
  }
}

function draw() {
  const s = model.status;
  const text = JSON.stringify(s);
  if (text === drawn) return;
  drawn = text;
  const at = content.scrollTop;
  const focus = content.contains(document.activeElement) ? document.activeElement.dataset?.focus : undefined;
  content.replaceChildren(h("div", { class: "grid" }, role(s), position(s), waiting(s), file(s), destinations(s), builds(s), lost(s)));
  content.scrollTop = at;
  if (focus) content.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

const card = (title, kind, ...children) => h("section", { class: `card ${kind}` }, h("h3", {}, title), children);
const big = (...text) => h("p", { class: "big" }, text);
const sub = (...text) => h("p", { class: "sub" }, text);

function role(s) {
  const notes = [s.ready, ...(s.notes ?? [])].filter(Boolean).map((n) => h("p", { class: "note" }, line(n)));
  const role = {
    leading: [big("Leading"), sub("This replica reads the Events and creates the builds.")],
    "standing by": [big("Standing by"), sub("Another replica leads", s.leader ? [": ", h("code", {}, line(s.leader)), ". Its page shows the Events."] : ".")],
    starting: [big("Starting"), sub("Neither leads nor stands by yet.")],
  }[s.role];
  return card("Role", s.ready ? "bad" : "", role, sub("Replica ", h("code", {}, line(s.replica))), s.dryRun ? h("p", { class: "note" }, "Dry run: builds are checked and none is created.") : null, notes);
}

function position(s) {
  const rows = s.positions.map((p) => h("tr", {}, h("td", {}, line(p.scope)), h("td", { class: "n" }, h("code", {}, line(p.version)))));
  return card("Position", "",
    rows.length === 0 ? sub("None yet; only the leader has one.") : [
      big(s.heldSince ? ["Held, last moved ", ago(s.heldSince)] : "Up to date"),
      sub(s.heldSince ? "It moves on when the oldest waiting build has its outcome." : "Everything read so far has its outcome."),
      h("table", { class: "plain" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Scope"), h("th", { scope: "col", class: "n" }, "resourceVersion"))), h("tbody", {}, rows)),
    ],
    sub(s.stored ? ["Kept in ConfigMap ", h("code", {}, line(s.stored))] : "Not stored: Events that occur while the gateway is down are not built."));
}

/** What a limit is called in the filter file; `paused` is not in limits. */
const limitName = (limit) => (limit === "paused" ? "paused: true" : `limits.${limit}`);

/** What holds builds back, since when, and until when. */
function held({ limit, since, until }) {
  const paused = limit === "paused";
  const end = until ? [", until ", h("time", { datetime: until }, new Date(ms(until)).toLocaleTimeString("en", { hour12: false }))]
    : paused ? ", until the filter file is changed" : ", until builds that run have ended";
  return h("p", { class: "note" }, "Held back by ", h("code", {}, line(limitName(limit))), " since ", ago(since), end, ".");
}

function waiting(s) {
  const rows = s.flows.map((f) => h("tr", {}, h("td", {}, line(f.namespace)), h("td", {}, h("code", {}, line(f.project))), h("td", { class: "n" }, f.waiting.toLocaleString("en"))));
  return card("Waiting builds", s.held ? "warn" : "",
    big(s.waiting === 0 ? "None" : plural(s.waiting, "build")),
    s.waiting > 0 ? sub("The oldest was accepted ", ago(s.oldest), ".") : sub("Every accepted Event has its build."),
    s.held ? held(s.held) : null,
    s.failing ? h("p", { class: "note" }, "The last attempt to write failed. One is made at a time until one succeeds.") : null,
    rows.length > 0 ? h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Namespace"), h("th", { scope: "col" }, "Project"), h("th", { scope: "col", class: "n" }, "Waiting"))),
      h("tbody", {}, rows)) : null);
}

/** What waits for each destination, if there are others than Brigade. */
function destinations(s) {
  if (!s.destinations) return null;
  const does = (d) => {
    if (d.failing) return h("span", { class: "chip lost" }, "failing");
    return d.limit ? ["held back by ", h("code", {}, line(limitName(d.limit)))] : "";
  };
  const rows = s.destinations.map((d) => h("tr", {},
    h("td", {}, h("code", {}, line(d.name))), h("td", {}, does(d)), h("td", {}, d.oldest ? ago(d.oldest) : ""),
    h("td", { class: "n" }, d.waiting.toLocaleString("en"))));
  return card("Destinations", s.destinations.some((d) => d.failing) ? "wide bad" : "wide", h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "State"), h("th", { scope: "col" }, "Oldest accepted"), h("th", { scope: "col", class: "n" }, "Waiting"))),
    h("tbody", {}, rows)));
}

function file(s) {
  const f = s.file;
  if (!f.name) return card("Filter file", "warn", big("None"), sub("Every Event is shown and none is built. Name a file with --config."));
  return card("Filter file", f.refused ? "bad" : "",
    big(f.refused ? "The changed file was refused" : "In use"),
    sub(h("code", { title: line(f.name) }, line(f.name).split("/").at(-1)), `, ${plural(f.filters, "filter")}, loaded `, ago(f.loaded)),
    f.refused ? [sub("Refused ", ago(f.refused), "; the one before stays in use."), h("pre", {}, lines(f.report ?? ""))] : sub("The last reload had no faults."));
}

function builds(s) {
  if (s.builds.length === 0) return card("Latest builds", "wide", sub("None since this replica began to lead."));
  const rows = s.builds.map((b) => h("tr", {},
    h("td", {}, ago(b.at)),
    h("td", {}, h("b", {}, line(b.short)), h("p", { class: "sub" }, line(b.long))),
    h("td", {}, h("code", { class: "cut", title: line(b.destination ?? b.project) }, line(b.destination ?? b.project)), h("p", { class: "sub" }, "by ", h("code", {}, line(b.by)))),
    h("td", {}, h("code", {}, line(b.id)), b.command && h("p", { class: "command" }, command(b.command, { class: "sub" }),
      h("button", { type: "button", class: "link", dataset: { focus: `copy-${b.id}` }, "aria-label": `Copy the command for ${b.id}`, onclick: (e) => copy(b.command, e.currentTarget) }, "Copy")))));
  return card("Latest builds", "wide", h("table", { class: "plain builds" },
    h("thead", {}, h("tr", {}, ["When", "What", s.destinations ? "Project or destination" : "Project", "Build"].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, rows)));
}

function lost(s) {
  if (s.lost.length === 0) return card("Refused and dropped", "wide", sub("None."));
  const rows = s.lost.map((l) => h("tr", {},
    h("td", {}, ago(l.at)), h("td", {}, h("span", { class: "chip lost" }, line(l.outcome))),
    h("td", {}, h("code", {}, line(l.event)), h("p", { class: "sub" }, h("code", {}, line(l.id)))), h("td", {}, line(l.reason))));
  return card("Refused and dropped", "wide bad", h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, ["When", "Outcome", "Event", "Reason"].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, rows)));
}
