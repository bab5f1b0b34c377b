/**
 * Elements. Whatever comes from elsewhere becomes a text node: there is no way here to make it markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Characters that change what stands around them, or that nobody sees: each is shown by its name instead. */
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A text with every character to be seen: escape sequences, changes of direction and halves of pairs too. */
export function visible(text) {
  return String(text)
    .replace(HALF, (half) => `⟨${half.charCodeAt(0).toString(16)}⟩`)
    .replace(HIDDEN, (one) => {
      const code = one.charCodeAt(0);
      if (code < 0x20) return String.fromCharCode(0x2400 + code);
      return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
    });
}

/**
 * Makes an element: `h("button.quiet", {onclick: save, disabled: true}, "Save")`. Children are elements,
 * texts, numbers, lists of them, or nothing (null, undefined, false).
 */
export function h(what, properties, ...children) {
  const [tag, ...classes] = what.split(".");
  return filled(document.createElement(tag || "div"), classes, properties, children);
}

/** Makes an element of a drawing. */
export function s(what, properties, ...children) {
  const [tag, ...classes] = what.split(".");
  return filled(document.createElementNS(SVG, tag), classes, properties, children);
}

function filled(element, classes, properties, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  if (properties !== undefined && !isProperties(properties)) children.unshift(properties);
  else for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
  add(element, children);
  return element;
}

function isProperties(value) {
  return value === null || (typeof value === "object" && !(value instanceof Node) && !Array.isArray(value));
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.classList.add(...value.split(" ").filter(Boolean));
  else if (name === "value" || name === "checked") element[name] = value;
  else element.setAttribute(name, value === true ? "" : visible(value));
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : visible(child));
  }
}

/** Puts children in place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}
