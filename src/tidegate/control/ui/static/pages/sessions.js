/** Sessions: the work that several requests belong to. */

import { figuresAt, seesAll, session, withQuery } from "../api.js";
import { h } from "../dom.js";
import { filters } from "../filters.js";
import { count, duration, exact, sum, usd } from "../format.js";
import { facts, head, known, loading, paged, path, table, when } from "../parts.js";
import { listOf, requestList } from "./requests.js";

const names = (list) => {
  return list.length > 2 ? `${list.slice(0, 2).join(", ")} +${list.length - 2}` : list.join(", ");
};

const COLUMNS = [
  { name: "Session", cell: (row) => row.session },
  { name: "Last request", cell: (row) => when(row.last) },
  { name: "Requests", number: true, cell: (row) => exact(row.requests) },
  { name: "Errors", number: true, cell: (row) => exact(row.errors) },
  { name: "Cost", number: true, cell: (row) => usd(row.cost_usd) },
  { name: "Tokens", number: true, cell: (row) => count(total(row.tokens)) },
  { name: "Lasted", number: true, title: "From the first request to the end of the last", cell: (row) => duration(row.wall_ms) },
  { name: "Users", cell: (row) => known(names(row.users)) },
  { name: "Models", wide: true, cell: (row) => known(names(row.models)) },
];

const total = (tokens) => sum(tokens, "input", "cache_read", "cache_write", "output", "reasoning");

export async function show(view) {
  const query = { user: view.query.get("user") ?? "", model: view.query.get("model") ?? "" };
  const list = paged(
    (after) => view.ask(withQuery(figuresAt("/sessions"), { ...query, after, limit: 50 })),
    (rows) => table(COLUMNS, rows, {
      to: (row) => path("sessions", row.session),
      caption: "Sessions",
      empty: "No sessions. Clients name theirs with a header or a field, as Claude Code and Codex do.",
    }),
  );
  const fields = ({ text }) => [text("model", "model", true), ...(seesAll() ? [text("user")] : [])];
  view.draw(head("Sessions"), filters("/sessions", query, fields), list.element);
}

export async function showOne(view) {
  const name = view.argument;
  view.draw(head(`Session ${name}`), loading());
  const page = (after) => view.ask(withQuery(`/admin${path("sessions", name)}`, { after, limit: 50 }));
  const one = seesAll() && !session.viewer ? await page("") : null;
  const list = one ? requestList(page, one) : listOf(view, { session: name });
  view.draw(
    head(`Session ${name}`),
    one && h("div.panel", null, facts([
      ["Requests", exact(one.requests)],
      ["Errors", exact(one.errors)],
      ["Cost", usd(one.cost_usd)],
      ["Without a price", one.unpriced ? exact(one.unpriced) : null],
      ["Tokens", count(total(one.tokens))],
      ["Lasted", duration(one.wall_ms)],
      ["First request", when(one.first)],
      ["Last request", when(one.last)],
      ["Users", one.users.join(", ")],
      ["Models", one.models.join(", ")],
    ])),
    h("h2", "Requests"),
    list.element,
  );
}
