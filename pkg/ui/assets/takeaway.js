// Exports the list: as a filter file, as Helm values, as a test file.
import { post } from "./api.js";
import { byId, command, copy, h, lines } from "./dom.js";
import { model } from "./model.js";

const dialog = byId("takeaway");
const forms = [["file", "Filter file"], ["helm", "Helm values"], ["test", "Test file"]];

export function startTakeaway() {
  byId("take").addEventListener("click", () => take("file"));
}

async function take(as) {
  const preview = h("pre", { class: "preview", tabindex: "0", "aria-label": "What is taken along" });
  const note = h("p", { class: "note", role: "status", hidden: true });
  const hint = h("p", { class: "sub" });
  const copyButton = h("button", { type: "button", onclick: (e) => copy(exported.text, e.currentTarget) }, "Copy");
  const download = h("button", { type: "button", class: "primary", onclick: () => save(exported) }, "Download");
  const choice = h("fieldset", {}, h("legend", {}, "As"), h("div", { class: "segments" }, forms.map(([value, label]) =>
    h("label", {}, h("input", { type: "radio", name: "as", value, checked: value === as, onchange: () => load(value) }), label))));
  let exported = null;
  let asking = null;

  async function load(value) {
    asking?.abort();
    const mine = asking = new AbortController();
    exported = null;
    copyButton.disabled = download.disabled = true;
    try {
      exported = await post("export", { as: value }, model.text, mine.signal);
      preview.textContent = lines(exported.text);
      hint.replaceChildren(command(exported.command));
      note.hidden = true;
    } catch (err) {
      if (mine.signal.aborted) return; // another form was chosen
      preview.textContent = "";
      hint.replaceChildren();
      note.textContent = err.message;
      note.hidden = false;
    }
    copyButton.disabled = download.disabled = exported === null;
    preview.hidden = exported === null;
  }

  dialog.replaceChildren(
    h("h2", { id: "takeaway-title" }, "Take the list away"),
    h("div", { class: "body" }, choice, note, preview, hint),
    h("footer", {}, h("button", { type: "button", onclick: () => dialog.close() }, "Close"), copyButton, download));
  dialog.showModal();
  await load(as);
}

function save({ file, text }) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  const a = h("a", { href: url, download: file });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
