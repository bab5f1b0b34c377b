/** What a list is restricted by: a form whose values are the query of its page. */

import { withQuery } from "./api.js";
import { h } from "./dom.js";
import { go } from "./places.js";

/**
 * A form of filters for the page at `place`. `query` has the values that hold; `draw({text, choose, check})` returns
 * its fields; values named in `kept` have no field and stay. It applies on Enter, and when a field has changed.
 */
export function filters(place, query, draw, kept = []) {
  const apply = (event) => {
    event.preventDefault();
    const stay = kept.map((name) => [name, query[name]]);
    go(withQuery(place, { ...Object.fromEntries(new FormData(form)), ...Object.fromEntries(stay) }));
  };
  // Enter tells of a change, and then submits the form itself.
  const onchange = () => setTimeout(() => form.isConnected && form.requestSubmit());
  const fields = {
    text: (name, words = name, search = false) => h(search ? "input.search" : "input", {
      name, value: query[name], placeholder: search ? `${words}  ( / )` : words, "aria-label": words, spellcheck: "false", autocomplete: "off", "data-search": search, onchange,
    }),
    choose: (name, words, choices) => h("select", { name, "aria-label": words, onchange }, ...choices.map(([value, text]) => h("option", { value, selected: value === query[name] }, text))),
    check: (name, words) => h("label", null, h("input", { type: "checkbox", name, value: "true", checked: query[name] === "true", onchange }), words),
  };
  const form = h("form.filters", { role: "search", onsubmit: apply });
  const given = Object.values(query).some(Boolean);
  form.append(
    ...draw(fields),
    h("button", { type: "submit" }, "Search"),
    ...(given ? [h("button.plain", { type: "button", onclick: () => go(place) }, "Clear")] : []),
  );
  return form;
}
