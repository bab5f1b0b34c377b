/** Parts that several pages are made of. */

import { fill, h, s } from "./dom.js";
import { UNKNOWN, full, moment } from "./format.js";

/** The head of a page: its name, and what can be done on it. */
export function head(title, ...actions) {
  return h("div.head", null, h("h1", { tabindex: -1 }, title), h("div.actions", null, ...actions));
}

/** A link within the dashboard. */
export function link(path, ...words) {
  return h("a", { href: `/ui${path}` }, ...words);
}

/** A path of ids that may have any characters. */
export function path(...parts) {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** A figure with its name. */
export function tile(name, value, { detail = null, title = null, spark = null } = {}) {
  return h("div.tile.panel", { title }, h("div.name", name), h("div.value", value), spark, detail && h("div.detail.small.quiet", detail));
}

/** Values by name, below each other. */
export function facts(pairs) {
  const known = pairs.filter((one) => one && one[1] !== null && one[1] !== undefined && one[1] !== "");
  return h("dl.facts", null, ...known.map(([name, value]) => h("div", null, h("dt", name), h("dd", value))));
}

/**
 * A table. `columns` is a list of `{name, cell(row), number, title, wide}`; a row may lead somewhere (`to(row)`),
 * which its first cell links to and a click anywhere on it follows.
 */
export function table(columns, rows, { to = null, empty = "Nothing here yet.", caption = null, mark = null } = {}) {
  if (!rows.length) return h("p.empty.panel", null, empty);
  const headings = columns.map((one) => h("th", { scope: "col", class: classOf(one), title: one.title }, one.name));
  const body = h("tbody", null, ...rows.map((row) => rowOf(columns, row, to, mark)));
  const whole = h("table", null, caption && h("caption", caption), h("thead", null, h("tr", null, ...headings)), body);
  return h("div.scroll.panel", { tabindex: 0, role: "region", "aria-label": caption ?? "Table" }, whole);
}

/** One row of a table. */
export function rowOf(columns, row, to = null, mark = null) {
  const target = to?.(row);
  const cells = columns.map((one, index) => {
    const value = one.cell(row);
    return h("td", { class: classOf(one) }, index === 0 && target ? h("a", { href: `/ui${target}` }, value) : value);
  });
  const element = h(target ? "tr.leads" : "tr", { class: mark?.(row) ?? "" }, ...cells);
  if (target) {
    element.addEventListener("click", (event) => {
      if (!event.target.closest("a, button, input") && !getSelection().toString()) element.querySelector("a").click();
    });
  }
  return element;
}

function classOf(column) {
  return [column.number && "number", column.wide && "wide", column.class].filter(Boolean).join(" ") || null;
}

const SHAPES = {
  good: ["circle", { cx: 6, cy: 6, r: 4 }],
  bad: ["path", { d: "M2 2l8 8M10 2l-8 8" }],
  warn: ["path", { d: "M6 1.5l5 9H1z" }],
  busy: ["path", { d: "M6 1.5a4.5 4.5 0 1 0 4.5 4.5" }],
  off: ["circle", { cx: 6, cy: 6, r: 4 }],
};

/** A state in words, with a shape and a colour that say the same. */
export function state(kind, words) {
  const [tag, properties] = SHAPES[kind];
  return h(`span.state.${kind}`, null, s("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, s(tag, properties)), words);
}

const ENDINGS = {
  complete: ["good", "complete"],
  complete_without_usage: ["warn", "no usage"],
  client_left: ["warn", "client left"],
};

/** How a request ended. */
export function ending(row) {
  const [kind, words] = ENDINGS[row.ended] ?? ["bad", String(row.ended ?? "failed").replaceAll("_", " ")];
  const failed = row.status >= 400 && kind === "good" ? "bad" : kind;
  return state(failed, row.status && row.status !== 200 ? `${row.status} ${words}` : words);
}

/** A moment, with the whole of it as its title. */
export function when(ms) {
  return h("time", { datetime: ms ? new Date(ms).toISOString() : null, title: full(ms) }, moment(ms));
}

/** A value, or a dash. */
export function known(value) {
  return value === null || value === undefined || value === "" ? h("span.quiet", UNKNOWN) : value;
}

/** A text in a typewriter's letters. */
export function code(text) {
  return h("code", { title: text }, text);
}

/** Several choices next to each other, of which one holds. */
export function choice(label, options, chosen, choose) {
  const buttons = options.map(([value, words]) =>
    h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => choose(value) }, words));
  return h("div.choice", { role: "group", "aria-label": label }, ...buttons);
}

/** What to say where an answer was an error. */
export function trouble(error) {
  return h("div.panel.trouble", { role: "alert" }, state("bad", error.message || "this does not work"), error.status ? h("span.quiet.small", `${error.status} ${error.code ?? ""}`) : null);
}

/** A note on a page. */
export function note(...words) {
  return h("p.note.panel", null, ...words);
}

/** Lines of grey while something is loaded. */
export function loading() {
  return h("div.loading.panel", { "aria-busy": "true", "aria-label": "Loading" }, h("span"), h("span"), h("span"));
}

/**
 * A list that is read page by page. `load(after)` returns `{data, next}`, `draw(rows)` a table of all rows so far.
 * `first` is the first page, if it is known already. Returns the element and `reload`, which begins again at the
 * first page without losing what is shown meanwhile.
 */
export function paged(load, draw, first = null) {
  const place = h("div.paged", null, loading());
  let rows = [];
  let next = null;
  let turn = 0;

  async function begin() {
    const mine = ++turn;
    try {
      const page = await load("");
      if (mine !== turn) return;
      rows = page.data;
      next = page.next;
      show();
    } catch (error) {
      if (error.name !== "AbortError" && mine === turn) fill(place, trouble(error));
    }
  }

  async function more(event) {
    const mine = turn;
    event.target.disabled = true;
    try {
      const page = await load(next);
      if (mine !== turn) return;
      rows = [...rows, ...page.data];
      next = page.next;
      show();
    } catch (error) {
      if (error.name !== "AbortError") place.append(trouble(error));
    }
  }

  function show() {
    fill(place, draw(rows), next && h("button.more", { type: "button", onclick: more }, "Show more"));
  }

  if (first) {
    rows = first.data;
    next = first.next;
    show();
  } else begin();
  return { element: place, reload: begin };
}

/** Tabs of which one is shown. `tabs` is a list of `[name, draw]`. */
export function tabs(label, list) {
  const place = h("div.tab", { role: "tabpanel", "aria-label": label });
  const buttons = list.map(([name], index) => h("button", { type: "button", role: "tab", onclick: () => choose(index) }, name));
  function choose(index) {
    buttons.forEach((one, at) => {
      one.setAttribute("aria-selected", String(at === index));
      one.tabIndex = at === index ? 0 : -1;
    });
    fill(place, list[index][1]());
  }
  const bar = h("div.tabs", {
    role: "tablist",
    "aria-label": label,
    onkeydown: (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      const at = (buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length;
      buttons[at].focus();
      choose(at);
    },
  }, ...buttons);
  choose(0);
  return h("div", null, bar, place);
}
