// The views of the page; the address names the one that is shown.
import { byId } from "./dom.js";

const links = [...document.querySelectorAll(".views a")];

/** Shows the view in the address, now and whenever it changes. */
export function startViews() {
  addEventListener("hashchange", () => byId(`${show()}-title`).focus({ preventScroll: true }));
  show();
}

function show() {
  const wanted = location.hash.slice(2);
  const name = links.some((a) => a.dataset.to === wanted && !a.hidden) ? wanted : "live";
  document.body.dataset.view = name;
  for (const a of links) {
    if (a.dataset.to === name) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  return name;
}

/**
 * Goes to a view unless its pane is on the screen already, and then does
 * something there. It waits for the address to change, because that moves the
 * focus.
 */
export function goToView(name, then = () => {}) {
  if (byId(name).checkVisibility()) {
    then();
    return;
  }
  addEventListener("hashchange", then, { once: true });
  location.hash = `#/${name}`;
}
