/** Going from page to page. The pages know this, and only `app.js` knows the pages. */

const WENT = "tidegate-went";

/** Goes to a place within the dashboard, as `/requests?model=x`. */
export function go(place, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", `/ui${place === "/" ? "" : place}`);
  dispatchEvent(new CustomEvent(WENT, { detail: !replace }));
}

/** Calls `show` whenever another place is to be shown, with whether it is another page that begins at its top. */
export function onPlace(show) {
  addEventListener(WENT, (event) => show(event.detail));
  addEventListener("popstate", () => show(true));
}

/** Whether somebody is about to do something in a part of the page, which is then not drawn anew. */
export function isUsed(part) {
  const focused = document.activeElement;
  return (part.contains(focused) && focused.tagName !== "H1" && focused.id !== "main") || part.querySelector(".tip:not([hidden])") !== null;
}
