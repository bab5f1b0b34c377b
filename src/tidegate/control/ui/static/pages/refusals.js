/** Requests that were refused before they began, counted by reason and caller. */

import { figuresAt, seesAll, withQuery } from "../api.js";
import { h } from "../dom.js";
import { filters } from "../filters.js";
import { exact } from "../format.js";
import { choice, code, head, known, link, note, paged, table, when } from "../parts.js";
import { go } from "../places.js";

const FILTERS = ["q", "status", "user", "key", "hours"];
const TIMES = [["1", "last hour"], ["", "last 24 hours"], ["168", "last 7 days"]];

/** Leads from the requests that began to those that did not, and back. */
export function which(chosen) {
  return choice("Which requests", [["/requests", "Began"], ["/refusals", "Refused"]], chosen, (place) => go(place));
}

export async function show(view) {
  const query = Object.fromEntries(FILTERS.map((name) => [name, view.query.get(name) ?? ""]));
  const { hours, ...rest } = query;
  const from = hours ? Date.now() - Number(hours) * 3_600_000 : undefined;
  const list = paged(
    (after) => view.ask(withQuery(figuresAt("/refusals"), { ...rest, from, after, limit: 50 })),
    (rows) => table(seesAll() ? [...COLUMNS, ...TRACES] : TRACED, rows, { caption: "Refused requests", empty: "Nothing was refused in this time." }),
  );
  const fields = ({ text, choose }) => [
    text("q", "Search id or reason", true), text("status"), ...(seesAll() ? [text("user")] : []), choose("hours", "Time", TIMES),
  ];
  view.draw(
    head("Requests", which("/refusals")),
    note("Refused before they began: without a valid key, over a limit, without funds, for an unknown model. They are counted by reason and caller and kept for seven days, so that a flood of them fills nothing; each row names the last one."),
    filters("/refusals", query, fields, ["key"]),
    list.element,
  );
}

/** What they were told, with the error's code. */
function reason(row) {
  const [words, more] = row.message.startsWith(row.code) ? [row.message] : [row.message, row.code];
  return [words || "various", more && h("span.quiet.small", `  ${more}`)];
}

/** Whose they were: a user or key leads to the requests that began. */
function whose(row) {
  if (row.user) return link(withQuery("/requests", { user: row.user }), row.user);
  if (row.key) return link(withQuery("/requests", { key: row.key }), row.key);
  return known(row.presented === "others" ? "others" : row.presented && `${row.presented}…`);
}

/** Columns of a table of reasons. */
export const COLUMNS = [
  { name: "Requests", number: true, cell: (row) => exact(row.requests) },
  { name: "Status", cell: (row) => row.status },
  { name: "Reason", wide: true, cell: reason },
  { name: "Whose", title: "The user or key; of a key that nobody has, its beginning", cell: whose },
  { name: "From", title: "The address of the last one", cell: (row) => known(row.address) },
  { name: "Model", title: "Of the last one", cell: (row) => known(row.model) },
  { name: "Last", cell: (row) => when(row.last) },
];

const TRACES = [
  { name: "Request", title: "The id of the last one, which the log has", cell: (row) => code(row.request) },
];

const TRACED = [...COLUMNS.filter((one) => one.name !== "Whose"), ...TRACES];
