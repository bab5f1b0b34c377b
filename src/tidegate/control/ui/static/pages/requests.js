/** Requests in progress, and those that have ended, with search and filters. */

import { figuresAt, seesAll, withQuery } from "../api.js";
import { go, isUsed } from "../app.js";
import { fill, h } from "../dom.js";
import { bytes, count, duration, sum, usd } from "../format.js";
import { ending, head, known, note, paged, path, state, table, when } from "../parts.js";

const FILTERS = ["q", "model", "provider", "user", "key", "session", "errors"];
const TIMES = [["", "any time"], ["1", "last hour"], ["24", "last 24 hours"], ["168", "last 7 days"]];

export async function show(view) {
  const query = Object.fromEntries([...FILTERS, "hours"].map((name) => [name, view.query.get(name) ?? ""]));
  const list = listOf(view, query);
  const live = h("section.live");
  view.draw(head("Requests"), filters(query), live, list.element);
  if (seesAll()) follow(view, live, list);
}

/** A list of requests with these filters; pages of it are asked for as they are shown. */
export function listOf(view, query) {
  const { hours, ...rest } = query;
  const load = (after) => {
    const from = hours ? Date.now() - Number(hours) * 3_600_000 : undefined;
    return view.ask(withQuery(figuresAt("/requests"), { ...rest, from, after, limit: 50 }));
  };
  return requestList(load, null, Object.values(query).some(Boolean));
}

/** A list of requests; `first` is its first page, if that is known already. */
export function requestList(load, first = null, filtered = false) {
  let seen = null;
  const draw = (rows) => {
    const before = seen;
    seen = new Set(rows.map((row) => row.id));
    return table(COLUMNS, rows, {
      to: (row) => path("requests", row.id),
      caption: "Requests",
      empty: filtered ? "No request matches." : "No requests yet. Send one, or try the playground.",
      mark: (row) => (before && !before.has(row.id) && row.time >= rows[0].time ? "fresh" : ""),
    });
  };
  return paged(load, draw, first);
}

const input = (row) => sum(row.tokens, "input", "cache_read", "cache_write");

const COLUMNS = [
  { name: "Time", cell: (row) => when(row.time) },
  { name: "Ended", cell: (row) => h("span", { title: row.error }, ending(row)) },
  { name: "Model", cell: (row) => known(row.model) },
  { name: "Provider", cell: (row) => known(row.provider) },
  { name: "User", cell: (row) => known(row.user ?? row.key) },
  { name: "Input", number: true, title: "Tokens of the prompt, those of the cache included", cell: (row) => count(input(row)) },
  { name: "Cached", number: true, title: "Tokens read from the provider's cache", cell: (row) => count(row.tokens?.cache_read) },
  { name: "Output", number: true, title: "Tokens of the answer, reasoning included", cell: (row) => count(sum(row.tokens, "output", "reasoning")) },
  { name: "Cost", number: true, cell: (row) => h("span", { title: row.estimated ? "estimated" : null }, (row.estimated && row.cost_usd ? "≈ " : ""), usd(row.cost_usd)) },
  { name: "First token", number: true, cell: (row) => duration(row.ttft_ms) },
  { name: "Total", number: true, cell: (row) => duration(row.total_ms) },
  { name: "Attempts", number: true, cell: (row) => known(row.attempts) },
];

function filters(query) {
  const form = h("form.filters", { role: "search", onsubmit: (event) => apply(event) });
  const text = (name, words, kind = "") => h(`input${kind}`, {
    name, value: query[name], placeholder: words, "aria-label": words, spellcheck: "false", autocomplete: "off", "data-search": name === "q", onchange: () => form.requestSubmit(),
  });
  function apply(event) {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    go(withQuery("/requests", { ...given, key: query.key }));
  }
  form.append(
    text("q", "Search id, session or error  ( / )", ".search"),
    text("model", "model"), text("provider", "provider"), ...(seesAll() ? [text("user", "user")] : []), text("session", "session"),
    h("select", { name: "hours", "aria-label": "Time", onchange: () => form.requestSubmit() }, ...TIMES.map(([value, words]) => h("option", { value, selected: value === query.hours }, words))),
    h("label", null, h("input", { type: "checkbox", name: "errors", value: "true", checked: query.errors === "true", onchange: () => form.requestSubmit() }), "errors only"),
    h("button", { type: "submit" }, "Search"),
    ...(Object.values(query).some(Boolean) ? [h("button.plain", { type: "button", onclick: () => go("/requests") }, "Clear")] : []),
  );
  return form;
}

const LIVE = [
  { name: "Began", cell: (row) => when(row.time) },
  { name: "State", cell: (row) => state("busy", String(row.state ?? "open").replaceAll("_", " ")) },
  { name: "Model", cell: (row) => known(row.model) },
  { name: "Provider", cell: (row) => known(row.provider) },
  { name: "User", cell: (row) => known(row.user ?? row.key) },
  { name: "Door", cell: (row) => known(row.door) },
  { name: "Streamed", number: true, cell: (row) => bytes(row.response_bytes) },
  { name: "So far", number: true, cell: (row) => duration(row.elapsed_ms) },
];

/** Shows what is in progress. When something ends, the list below begins again at its first page. */
function follow(view, place, list) {
  let open = new Set();
  let stale = false;
  const look = async () => {
    let found;
    try {
      found = await view.ask("/admin/live");
    } catch (error) {
      if (error.name !== "AbortError") fill(place, note(error.message));
      throw error;
    }
    const now = new Set(found.data.map((row) => row.id));
    stale ||= [...open].some((id) => !now.has(id));
    open = now;
    if (!isUsed(place)) fill(place,
      h("div.section", null, h("h2", "In progress"), h("span.quiet.small", null, found.data.length ? `${found.data.length} open` : "none at the moment", " · looks every 2 s")),
      found.data.length ? table(LIVE, found.data, { caption: "Requests in progress" }) : null,
      h("div.section", null, h("h2", "Ended")));
    if (stale && !isUsed(list.element)) {
      stale = false;
      await list.reload();
    }
  };
  look().catch(() => {});
  view.every(2000, look);
}
