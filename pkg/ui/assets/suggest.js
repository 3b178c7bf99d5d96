// Making a filter of an Event: which of its facts to keep.
import { post } from "./api.js";
import { announce, byId, h, line, lines } from "./dom.js";
import { goToLine, setText } from "./editor.js";
import { model } from "./model.js";
import { goToView } from "./views.js";

const dialog = byId("suggest");
const names = { namespace: "Namespace", scope: "Scope", kind: "Kind", name: "Name", reason: "Reason", type: "Type", component: "Reporter" };

export async function suggest(id) {
  const x = await post("explain", { id }, model.text);
  const fields = x.fields.map((f) => {
    const check = h("input", { type: "checkbox", checked: f.keep, id: `keep-${f.key}` });
    const value = h("input", { type: "text", value: f.value, "aria-label": `${names[f.key]} to match`, spellcheck: "false" });
    value.disabled = !f.keep;
    const glob = f.glob && h("button", { type: "button", class: "link glob", onclick: () => { check.checked = true; value.disabled = false; value.value = f.glob; ask(); } }, `all of ${line(f.glob)}`);
    check.addEventListener("change", () => { value.disabled = !check.checked; ask(); });
    value.addEventListener("input", ask);
    return { key: f.key, check, value, row: h("li", {}, check, h("label", { for: `keep-${f.key}` }, names[f.key]), value, glob || null) };
  });
  const action = (value, label) => h("label", {}, h("input", { type: "radio", name: "action", value, checked: value === (x.verdict === "accept" ? "reject" : "accept"), onchange: ask }), label);
  const preview = h("pre", { class: "preview", tabindex: "0", "aria-label": "The filter" });
  const note = h("p", { class: "note", role: "status", hidden: true });
  const add = h("button", { type: "submit", class: "primary", disabled: true }, "Add to the list");
  let proposal = null;
  let asking = null;

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const query = { id, action: form.elements.action.value };
    for (const f of fields) if (f.check.checked && f.value.value) query[f.key] = f.value.value;
    try {
      proposal = await post("suggest", query, model.text, asking.signal);
      preview.textContent = lines(proposal.filter);
      note.textContent = proposal.note ?? "";
    } catch (err) {
      if (err.name === "AbortError") return;
      proposal = null;
      note.textContent = err.message;
    }
    note.hidden = note.textContent === "";
    add.disabled = proposal === null;
  }

  const form = h("form", { method: "dialog" },
    h("h2", { id: "suggest-title" }, "Make a filter of this"),
    h("div", { class: "body" },
      h("p", { class: "sub" }, `${line(x.event.involvedObject.kind ?? "")} ${line(x.event.involvedObject.name ?? "")} · ${line(x.event.reason ?? "")}`),
      h("fieldset", {}, h("legend", {}, "Match Events with the same"), h("ul", { class: "fields" }, fields.map((f) => f.row))),
      h("fieldset", {}, h("legend", {}, "and then"), h("div", { class: "segments" }, action("accept", "accept: it makes a build"), action("reject", "reject: it makes none"))),
      preview, note),
    h("footer", {}, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), add));
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    if (!proposal) return;
    dialog.close(); // ahead of the rest, because it moves the focus
    const added = proposal;
    setText(added.text);
    announce(`${added.by} added at line ${added.line}`);
    goToView("filters", () => goToLine(added.line));
  });
  dialog.replaceChildren(form);
  dialog.showModal();
  await ask();
}
