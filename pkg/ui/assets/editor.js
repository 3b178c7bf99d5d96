// The editor of the list, with faults at their lines while the user types.
import {
  defaultKeymap, drawSelection, EditorState, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSelectionMatches,
  highlightSpecialChars, HighlightStyle, history, historyKeymap, indentOnInput, indentUnit, keymap, lineNumbers, lintGutter, lintKeymap, redo, redoDepth,
  searchKeymap, setDiagnostics, syntaxHighlighting, tags, undo, undoDepth, yaml,
} from "./vendor/codemirror.js";
import { byId, h, line, plural } from "./dom.js";
import { model } from "./model.js";
import { goToView } from "./views.js";

const colors = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--key)" },
  { tag: [tags.string, tags.content, tags.attributeValue], color: "var(--text)" },
  { tag: tags.comment, color: "var(--comment)", fontStyle: "italic" },
  { tag: [tags.number, tags.bool, tags.keyword, tags.labelName, tags.typeName], color: "var(--number)" },
]);

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", background: "var(--panel)", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { background: "var(--panel)", color: "var(--dim)", border: "none" },
  ".cm-activeLine": { background: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  ".cm-activeLineGutter": { background: "color-mix(in srgb, var(--accent) 7%, transparent)", color: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "color-mix(in srgb, var(--accent) 26%, transparent)" },
  ".cm-selectionMatch": { background: "color-mix(in srgb, var(--accent) 14%, transparent)" },
  ".cm-tooltip": { background: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "7px", maxWidth: "min(560px, 90vw)" },
  ".cm-diagnostic": { padding: "6px 10px", whiteSpace: "pre-wrap" },
  ".cm-panels": { background: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad-line)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn-line)", textUnderlineOffset: "3px" },
  ".cm-lint-marker-error": { content: "none", borderRadius: "50%", background: "var(--bad-line)", width: "9px", height: "9px", margin: "6px auto" },
  ".cm-lint-marker-warning": { content: "none", borderRadius: "50%", background: "var(--warn-line)", width: "9px", height: "9px", margin: "6px auto" },
});

const fileName = byId("file-name");
const fileState = byId("file-state");
const problems = byId("problems");
const undoButton = byId("undo");
const redoButton = byId("redo");
const reset = byId("reset");
const badge = byId("edited-badge");

const maxLength = 1 << 20; // what a ConfigMap holds

let view = null;
let tooLong = false; // the last change was too long, and was not made
let known = null; // the gateway's list that the editor last began with
let faults = [];

const draftKey = () => `k8s-gateway.draft:${model.state.where}:${model.state.list.name}`;

/** Keeps an edited list over a reload of the page, until it is discarded. */
function saveDraft() {
  try {
    if (model.edited) localStorage.setItem(draftKey(), model.text);
    else localStorage.removeItem(draftKey());
  } catch {
    // Storage is full or switched off; the editor still has the list.
  }
}

function savedDraft() {
  try {
    return localStorage.getItem(draftKey());
  } catch {
    return null;
  }
}

export function startEditor() {
  model.addEventListener("state", takeList);
  undoButton.addEventListener("click", () => { undo(view); view.focus(); });
  redoButton.addEventListener("click", () => { redo(view); view.focus(); });
  reset.addEventListener("click", () => { setText(model.state.list.text); view.focus(); });
  drawButtons();
}

function make(text) {
  const nonce = document.querySelector("meta[name=style-nonce]").content;
  view = new EditorView({
    parent: byId("editor"),
    doc: text,
    extensions: [
      EditorView.cspNonce.of(nonce),
      lineNumbers(), lintGutter(), EditorView.lineWrapping, highlightSpecialChars(), history(), drawSelection(), indentOnInput(), indentUnit.of("  "), EditorState.tabSize.of(2),
      highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), yaml(), syntaxHighlighting(colors), theme,
      // Tab moves to the next control; Ctrl-] and Ctrl-[ indent.
      keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap]),
      EditorView.contentAttributes.of({ "aria-label": "Filter list, YAML", tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
      EditorState.changeFilter.of((change) => {
        const refused = change.newDoc.length > maxLength;
        if (refused || tooLong) {
          tooLong = refused;
          drawProblems();
        }
        return !refused;
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) textChanged();
      }),
    ],
  });
}

function takeList() {
  const text = model.state.list.text;
  const name = line(model.state.list.name || "filters.yaml");
  fileName.textContent = name.split(/[\\/]/).at(-1);
  fileName.title = name;
  if (view === null) {
    model.text = savedDraft() ?? text;
    make(model.text);
    model.changed("text");
  } else if (known !== text && model.text === known) {
    setText(text); // not edited, so it follows
  } else if (known !== text) {
    model.changed("text"); // edited, and held against the new list from now on
  }
  known = text;
  saveDraft(); // the gateway may have started again with other Events or another list
  drawState();
}

function textChanged() {
  model.text = view.state.doc.toString();
  saveDraft();
  drawButtons();
  drawState();
  model.changed("text");
}

/** Replaces the list by another, as one step of undo that keeps equal parts. */
export function setText(text) {
  const old = view.state.doc.toString();
  let from = 0;
  while (from < old.length && from < text.length && old[from] === text[from]) from++;
  let end = 0;
  while (end < old.length - from && end < text.length - from && old.at(-1 - end) === text.at(-1 - end)) end++;
  view.dispatch({ changes: { from, to: old.length - end, insert: text.slice(from, text.length - end) }, userEvent: "input" });
}

/** Puts the cursor on a line and shows it. */
export function goToLine(number, column = 1) {
  const at = view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines));
  const position = at.from + offset(at.text, column);
  view.dispatch({ selection: { anchor: position }, effects: EditorView.scrollIntoView(position, { y: "center" }) });
  view.focus();
}

/** Puts the cursor on a filter. */
export function goTo(by) {
  const filter = model.evaluation?.filters.find((f) => f.by === by);
  if (filter?.line) {
    goToView("filters", () => goToLine(filter.line));
  }
}

/** Where a column, which counts characters, is in a line, which counts UTF-16. */
function offset(text, column) {
  let at = 0;
  for (const c of text) {
    if (--column < 1) break;
    at += c.length;
  }
  return at;
}

/** Marks the faults of the list. */
export function markFaults(list) {
  faults = list;
  const doc = view.state.doc;
  const diagnostics = list.filter((f) => f.line <= doc.lines).map((f) => {
    const at = doc.line(Math.max(f.line, 1));
    let from = at.from + offset(at.text, f.column);
    const word = /^[^\s,\]}]+/.exec(at.text.slice(from - at.from));
    let to = Math.min(at.to, from + (word ? word[0].length : 1));
    if (from === to) from = Math.max(at.from, to - 1);
    if (from === to) to = Math.min(doc.length, to + 1);
    return { from, to, severity: f.severity, message: line((f.path ? `${f.path}: ` : "") + f.message) };
  });
  view.dispatch(setDiagnostics(view.state, diagnostics.sort((a, b) => a.from - b.from)));
  drawProblems();
  drawState();
}

function drawProblems() {
  problems.hidden = faults.length === 0 && !tooLong;
  problems.replaceChildren(tooLong ? h("p", { class: "note", role: "alert" }, "Not inserted: a list has at most 1 MiB, which is what a ConfigMap holds.") : "", h("ul", {}, faults.map((f) => h("li", { class: f.severity },
    h("button", { type: "button", onclick: () => goToLine(f.line, f.column) },
      h("span", { class: "place" }, `${f.line}:${f.column}`),
      h("span", {}, f.severity === "warning" ? "warning: " : "", f.path ? h("code", {}, line(f.path)) : "", f.path ? " " : "", line(f.message)))))));
}

function drawState() {
  const errors = faults.filter((f) => f.severity === "error").length;
  const warnings = faults.length - errors;
  let kind = "", text = "loaded";
  if (model.edited) [kind, text] = ["edited", "edited"];
  if (warnings) text += `, ${plural(warnings, "warning")}`;
  if (errors) [kind, text] = ["fault", plural(errors, "fault")];
  fileState.dataset.kind = kind;
  if (fileState.textContent !== text) fileState.textContent = text;
  reset.hidden = badge.hidden = !model.edited;
}

function drawButtons() {
  undoButton.disabled = !view || undoDepth(view.state) === 0;
  redoButton.disabled = !view || redoDepth(view.state) === 0;
}
