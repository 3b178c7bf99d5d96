// Creates elements. All text is added as text, because anyone may write Events.

/** Creates an element. Strings among the children become text. */
export function h(name, props = {}, ...children) {
  const el = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") el.className = value;
    else if (key === "dataset") Object.assign(el.dataset, value);
    else if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") el[key] = value;
    else el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

/** Returns the element with an ID. */
export const byId = (id) => document.getElementById(id);

// Characters that hide, or turn the direction of, what is around them.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function shown(c) {
  const code = c.charCodeAt(0);
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** Returns text for one line, with invisible characters made visible. */
export const line = (s) => s.replace(unseen, shown);

/** Returns text of several lines in the same way. */
export const lines = (s) => s.replace(unseen, (c) => (c === "\n" || c === "\t" ? c : shown(c)));

/** Returns a command as an element in which an option and its value stay on one line. */
export const command = (text, props = {}) => h("code", props, line(text).split(/ (?=--)/).map((part, i) => (i === 0 ? part : [" ", h("span", { class: "option" }, part)])));

/** Counts things: "1 Event", "2 Events". */
export const plural = (n, thing) => `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;

const announcer = byId("announce");

/** Tells screen readers. */
export function announce(text) {
  announcer.textContent = "";
  announcer.textContent = text;
}

/** Puts text into the clipboard, if the browser allows it. */
export async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    announce("Copied");
  } catch {
    button.textContent = "Copying is not allowed here";
  }
  setTimeout(() => { button.textContent = label; }, 1600);
}
