// Makes a filter of an Event: which of its facts to keep, and what else a filter
// can have.
import { post } from "./api.js";
import { announce, byId, h, line, lines } from "./dom.js";
import { goToLine, setText } from "./editor.js";
import { model } from "./model.js";
import { goToView } from "./views.js";

const dialog = byId("suggest");
const names = { namespace: "Namespace", scope: "Scope", kind: "Kind", name: "Name", reason: "Reason", type: "Type", component: "Component", expression: "Expression" };
const groups = ["namespace", "kind", "name", "reason", "type", "component"];

/** Opens the dialog for an Event. */
export async function suggest(id) {
  const x = await post("explain", { event: id }, model.text);
  const preview = h("pre", { class: "preview", tabindex: "0", "aria-label": "The filter", role: "region" });
  const note = h("p", { class: "note", role: "status", hidden: true });
  const add = h("button", { type: "submit", class: "primary", disabled: true }, "Add to the list");
  const form = h("form", { method: "dialog" },
    h("h2", { id: "suggest-title" }, "Make a filter of this"),
    h("p", { class: "sub" }, h("span", { class: "kind" }, line(x.event.involvedObject.kind ?? "")), line(x.event.involvedObject.name ?? ""), " · ", line(x.event.reason ?? "")),
    h("div", { class: "body" },
      conditions(x.fields), exception(), outcome(x.verdict === "accept" ? "reject" : "accept"),
      text("id", "Name", "its id in logs and metrics; optional")),
    h("div", { class: "result" }, preview, note),
    h("footer", {}, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), add));
  let proposal = null;
  let asking = null;

  async function ask() {
    arrange(form);
    asking?.abort();
    asking = new AbortController();
    try {
      proposal = await post("suggest", query(id, form), model.text, asking.signal);
      preview.textContent = lines(proposal.filter);
      note.textContent = line(proposal.note ?? "");
    } catch (err) {
      if (err.name === "AbortError") return;
      proposal = null;
      note.textContent = err.message;
    }
    note.hidden = note.textContent === "";
    add.disabled = proposal === null;
  }
  form.addEventListener("input", ask);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    if (proposal) take(proposal);
  });
  dialog.replaceChildren(form);
  dialog.showModal();
  await ask();
}

/** Puts the filter into the list, and the cursor on it. */
function take(added) {
  dialog.close(); // ahead of the rest, because it moves the focus
  setText(added.text);
  announce(`${added.by} added at line ${added.line}`);
  goToView("filters", () => goToLine(added.line));
}

const text = (name, label, placeholder) => h("label", { class: "named" }, h("span", {}, label), h("input", { type: "text", name, placeholder, spellcheck: "false", autocomplete: "off" }));
const pick = (name, label, ...options) => h("label", { class: "named" }, h("span", {}, label), h("select", { name }, options.map(([value, t]) => h("option", { value }, t))));

/** The facts of the Event, each with a box that keeps it. */
function conditions(fields) {
  const rows = [...fields, { key: "expression", value: "", keep: false }].map((f) => {
    const input = h("input", { type: "text", name: f.key, value: f.value, "aria-label": `${names[f.key]} to match`, spellcheck: "false", autocomplete: "off", disabled: !f.keep, placeholder: f.key === "expression" ? "count >= 5" : undefined });
    const keep = h("input", { type: "checkbox", checked: f.keep, id: `keep-${f.key}`, oninput: () => { input.disabled = !keep.checked; } });
    const glob = f.glob && h("button", {
      type: "button", class: "link glob",
      onclick: () => {
        keep.checked = true;
        input.disabled = false;
        input.value = f.glob;
        input.dispatchEvent(new Event("input", { bubbles: true }));
      },
    }, `all of ${line(f.glob)}`);
    return h("li", {}, keep, h("label", { for: `keep-${f.key}` }, names[f.key]), input, glob || null);
  });
  return h("fieldset", {}, h("legend", {}, "Match Events with the same"), h("ul", { class: "fields" }, rows));
}

/** The conditions under which the filter does not match. */
function exception() {
  const rows = Object.keys(names).map((key) => h("li", {},
    h("label", { for: `except-${key}` }, names[key]),
    h("input", { type: "text", id: `except-${key}`, name: `except.${key}`, spellcheck: "false", autocomplete: "off", placeholder: { name: "*-canary", expression: "count < 5", scope: "Namespaced or Cluster" }[key] })));
  return h("details", {}, h("summary", {}, "Except those with all of"), h("ul", { class: "fields plain-fields" }, rows));
}

/** What the filter decides, and what it builds. */
function outcome(verdict) {
  const action = (value, label) => h("label", {}, h("input", { type: "radio", name: "action", value, checked: value === verdict }), label);
  const by = h("fieldset", { class: "segments", id: "group-keys", hidden: true }, h("legend", { class: "hidden" }, "Group by"),
    groups.map((key) => h("label", {}, h("input", { type: "checkbox", name: "groupBy", value: key, checked: key === "namespace" || key === "reason" }), key)));
  return h("fieldset", {}, h("legend", {}, "and then"),
    h("div", { class: "segments" }, action("accept", "accept: it makes a build"), action("reject", "reject: it makes none")),
    h("div", { id: "builds" },
      pick("once", "One build for each", ["", "Event object"], ["occurrence", "occurrence"], ["window", "window of time"]),
      h("div", { id: "window", hidden: true },
        text("window", "Window", "10m"),
        pick("grouped", "In it, one for each", ["", "object and reason"], ["group", "group of"]), by),
      h("details", {}, h("summary", {}, "Project, commit, log level, or another destination"),
        text("destination", "Destination", "builds with Brigade"), text("project", "Project", "that of the list"), text("commitRef", "Commit", "that of the list"),
        pick("logLevel", "Log level", ["", "that of the list"], ...["all", "log", "info", "warn", "error", "none"].map((l) => [l, l])))));
}

/** Shows the fields for the current choice. */
function arrange(form) {
  const { action, once, grouped } = form.elements;
  byId("builds").hidden = action.value !== "accept";
  byId("window").hidden = once.value !== "window";
  byId("group-keys").hidden = grouped.value !== "group";
}

/** The request: the keys of a filter. */
function query(id, form) {
  const data = new FormData(form);
  const take = (name) => data.get(name) ?? "";
  const out = [["event", id], ["action", take("action")], ["id", take("id")]];
  for (const key of Object.keys(names)) out.push([key, take(key)], [`except.${key}`, take(`except.${key}`)]);
  for (const key of ["destination", "project", "commitRef", "logLevel"]) out.push([key, take(key)]);
  if (take("once") === "window") {
    out.push(["oncePer", take("window") || "10m"]);
    if (take("grouped") === "group") out.push(...[...data.getAll("groupBy"), ""].map((key) => ["groupBy", key]));
  } else {
    out.push(["oncePer", take("once")]);
  }
  return out.filter(([key, value]) => value !== "" || key === "groupBy");
}
