/** The configuration as it is in force, with its warnings. Keys are masked before they leave the gateway. */

import { fill, h } from "../dom.js";
import { exact } from "../format.js";
import { head, known, loading, state, table } from "../parts.js";

export async function show(view) {
  view.draw(head("Configuration"), loading());
  const found = await view.ask("/admin/configuration");
  const place = h("div");
  let all = false;
  const search = h("input.search", { placeholder: "Search settings  ( / )", "aria-label": "Search settings", "data-search": true, spellcheck: "false", oninput: () => draw() });
  const box = h("input", { type: "checkbox", onchange: () => {
    all = box.checked;
    draw();
  } });
  const draw = () => {
    const text = search.value.trim().toLowerCase();
    const rows = found.settings.filter((one) => (text ? `${one.key} ${JSON.stringify(one.value)}`.toLowerCase().includes(text) : all || !one.default));
    fill(place, table(COLUMNS, rows, { caption: "Settings", empty: text ? "No setting matches." : "Everything is at its default." }));
  };
  const hidden = found.settings.filter((one) => one.default).length;
  view.draw(
    head("Configuration"),
    ...found.warnings.map((words) => h("div.panel.note", null, state("warn", "Warning"), "  ", words)),
    h("div.filters", null, search, h("label", null, box, `also the ${exact(hidden)} defaults`)),
    place,
  );
  draw();
}

const COLUMNS = [
  { name: "Setting", cell: (row) => h("code", row.key) },
  { name: "Value", wide: true, cell: (row) => (row.value === null ? known(null) : h("code", typeof row.value === "string" ? row.value : JSON.stringify(row.value))) },
  { name: "From", wide: true, cell: (row) => (row.default ? h("span.quiet", "default") : row.origin) },
];
