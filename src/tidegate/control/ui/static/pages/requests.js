/** Requests in progress, and those that have ended, with search and filters. */

import { figuresAt, seesAll, withQuery } from "../api.js";
import { fill, h } from "../dom.js";
import { filters } from "../filters.js";
import { bytes, count, duration, sum, usd } from "../format.js";
import { ending, head, known, link, note, paged, path, state, table, when } from "../parts.js";
import { which } from "./refusals.js";
import { isUsed } from "../places.js";

const FILTERS = ["q", "model", "provider", "user", "key", "session", "errors"];
const TIMES = [["", "any time"], ["1", "last hour"], ["24", "last 24 hours"], ["168", "last 7 days"]];

export async function show(view) {
  const query = Object.fromEntries([...FILTERS, "hours"].map((name) => [name, view.query.get(name) ?? ""]));
  const list = listOf(view, query);
  const live = h("section.live");
  const fields = ({ text, choose, check }) => [
    text("q", "Search id, session or error", true), text("model"), text("provider"), ...(seesAll() ? [text("user")] : []), text("session"),
    choose("hours", "Time", TIMES), check("errors", "errors only"),
  ];
  view.draw(head("Requests", which("/requests")), filters("/requests", query, fields, ["key"]), live, list.element);
  if (seesAll()) follow(view, live, list);
}

/** A list of requests with these filters; pages of it are asked for as they are shown. */
export function listOf(view, query) {
  const { hours, ...rest } = query;
  const load = (after) => {
    const from = hours ? Date.now() - Number(hours) * 3_600_000 : undefined;
    return view.ask(withQuery(figuresAt("/requests"), { ...rest, from, after, limit: 50 }));
  };
  return requestList(load, null, Object.values(query).some(Boolean), query.q);
}

/** A list of requests; `first` is its first page, if that is known already, `sought` what was searched for. */
export function requestList(load, first = null, filtered = false, sought = "") {
  let seen = null;
  const draw = (rows) => {
    const before = seen;
    seen = new Set(rows.map((row) => row.id));
    return table(COLUMNS, rows, {
      to: (row) => path("requests", row.id),
      caption: "Requests",
      empty: filtered ? nothing(sought) : "No requests yet. Send one, or try the playground.",
      mark: (row) => (before && !before.has(row.id) && row.time >= rows[0].time ? "fresh" : ""),
    });
  };
  return paged(load, draw, first);
}

function nothing(sought) {
  const words = "No request that began matches.";
  return sought ? [words, " ", link(withQuery("/refusals", { q: sought, hours: 168 }), "Look among those that were refused")] : words;
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
