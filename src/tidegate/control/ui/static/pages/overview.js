/** Requests, cost, errors, times and cache over time; and by model, provider, user or key. */

import { figuresAt, seesAll, withQuery } from "../api.js";
import { chart, sparkline } from "../charts.js";
import { h, s } from "../dom.js";
import { count, duration, durationShort, exact, rate, share, shareShort, sum, usd, usdShort } from "../format.js";
import { choice, head, link, loading, table, tile } from "../parts.js";
import { COLUMNS as REFUSALS } from "./refusals.js";
import { go } from "../places.js";

export const TIMES = [["1", "1 h"], ["6", "6 h"], ["24", "24 h"], ["168", "7 d"], ["720", "30 d"]];
const DIMENSIONS = ["model", "provider", "user", "key"];
/** Figures are kept by model and provider, by user, and by key: what can be divided is limited by the same. */
const LIMITS = { model: ["model", "provider"], provider: ["model", "provider"], user: ["user"], key: ["user"] };

export async function show(view) {
  const by = view.query.get("by") ?? (seesAll() ? "model" : "key");
  const query = { hours: view.query.get("hours") ?? "24", by };
  for (const name of LIMITS[by] ?? []) query[name] = view.query.get(name);
  const change = (more) => go(withQuery("/", { ...query, ...more }));
  const times = choice("Time", TIMES, query.hours, (hours) => change({ hours }));
  view.draw(head("Overview", times), loading());

  const look = async (draw) => {
    const found = await view.ask(withQuery(figuresAt("/overview"), query));
    draw(head("Overview", ...chips(query, change), times), ...contents(found, query, change));
  };
  await look(view.draw);
  view.every(30_000, () => look(view.redraw));
}

function chips(query, change) {
  return LIMITS[query.by].filter((name) => query[name]).map((name) =>
    h("span.chip", null, `${name}: ${query[name]}`, h("button", { type: "button", "aria-label": `Without ${name}`, onclick: () => change({ [name]: null }) }, "✕")));
}

function contents(found, query, change) {
  const { totals, series } = found;
  const times = series.map((one) => one.time);
  const over = { times, step: found.bucket_s * 1000 };
  const values = (read) => series.map((one) => read(one) ?? null);
  return [
    tiles(totals, values),
    h("div.charts", null,
      chart("Requests", { ...over, bars: true, format: count, series: [
        { name: "succeeded", values: values((one) => one.requests - one.errors), tone: "good" },
        { name: "failed", values: values((one) => one.errors), tone: "bad" },
      ] }),
      chart("Cost", { ...over, bars: true, format: usd, axis: usdShort, series: [{ name: "cost", values: values(costOf) }], note: totals.unpriced ? `${exact(totals.unpriced)} without a price` : null }),
      chart("Latency", { ...over, format: duration, axis: durationShort, series: percentiles(values, "latency_ms"), note: "whole answer" }),
      chart("Time to first token", { ...over, format: duration, axis: durationShort, series: percentiles(values, "ttft_ms") }),
      chart("Prompt cache", { ...over, format: share, axis: shareShort, top: 1, series: [{ name: "read from cache", values: values((one) => one.cache_hit_rate), tone: 3 }], note: saving(totals.cache_saving_usd) }),
      chart("Tokens", { ...over, bars: true, format: count, series: [
        { name: "input", values: values((one) => sum(one.tokens, "input")), tone: 1 },
        { name: "from cache", values: values((one) => sum(one.tokens, "cache_read")), tone: 3 },
        { name: "output", values: values((one) => sum(one.tokens, "output", "reasoning")), tone: 5 },
      ] }),
    ),
    breakdown(found.by, query, change),
    ...refusals(found.refused),
  ];
}

/** A cost; not known where no request had a price. */
function costOf(one) {
  return one.requests && one.unpriced === one.requests ? null : one.cost_usd;
}

function percentiles(values, field) {
  return ["p50", "p95", "p99"].map((name) => ({ name, values: values((one) => one[field]?.[name]) }));
}

function saving(value) {
  return value ? `${usd(value)} ${value > 0 ? "saved" : "lost"}` : null;
}

function tiles(totals, values) {
  const tokens = sum(totals.tokens, "input", "cache_read", "cache_write", "output", "reasoning");
  return h("div.tiles", null,
    tile("Requests", count(totals.requests), { title: exact(totals.requests), spark: sparkline(values((one) => one.requests)), detail: `${share(totals.success_rate)} succeeded` }),
    tile("Cost", usd(costOf(totals)), { spark: sparkline(values(costOf)), detail: totals.unpriced ? `${exact(totals.unpriced)} without a price` : "all priced" }),
    tile("Errors", count(totals.errors), { title: exact(totals.errors), spark: sparkline(values((one) => one.errors)), detail: totals.tool_call_errors ? `${exact(totals.tool_call_errors)} in tool calls` : "none in tool calls" }),
    tile("Latency p50", duration(totals.latency_ms?.p50), { spark: sparkline(values((one) => one.latency_ms?.p50)), detail: `p95 ${duration(totals.latency_ms?.p95)}` }),
    tile("First token p50", duration(totals.ttft_ms?.p50), { spark: sparkline(values((one) => one.ttft_ms?.p50)), detail: `p95 ${duration(totals.ttft_ms?.p95)}` }),
    tile("Cache hit rate", share(totals.cache_hit_rate), { spark: sparkline(values((one) => one.cache_hit_rate)), detail: saving(totals.cache_saving_usd) ?? "of prompt tokens" }),
    tile("Tokens", count(tokens), { title: exact(tokens), spark: sparkline(values((one) => sum(one.tokens, "input", "output"))), detail: `${count(sum(totals.tokens, "output", "reasoning"))} output` }),
  );
}

/** What was refused before it began; nothing for those who see only their own requests. */
function refusals(rows) {
  if (!rows?.length) return [];
  return [h("section", null,
    h("div.section", null, h("h2", "Refused before they began"), link("/refusals", "All of them")),
    table(REFUSALS, rows, { caption: "Refused requests by reason" }))];
}

function breakdown(rows, query, change) {
  const dimensions = seesAll() ? DIMENSIONS : ["key"];
  const most = Math.max(...rows.map((one) => one.requests), 1);
  const columns = [
    { name: query.by, cell: (row) => nameOf(row, query), class: "name" },
    { name: "Requests", number: true, cell: (row) => barred(exact(row.requests), row.requests / most) },
    { name: "Errors", number: true, cell: (row) => (row.errors ? `${exact(row.errors)} (${share(row.errors / row.requests)})` : "0") },
    { name: "Cost", number: true, cell: (row) => usd(costOf(row)) },
    { name: "Input", number: true, title: "Tokens of prompts, those of the cache included", cell: (row) => count(sum(row.tokens, "input", "cache_read", "cache_write")) },
    { name: "Output", number: true, title: "Tokens of answers, reasoning included", cell: (row) => count(sum(row.tokens, "output", "reasoning")) },
    { name: "Cache", number: true, title: "Prompt tokens read from the provider's cache", cell: (row) => share(row.cache_hit_rate) },
    { name: "p50", number: true, cell: (row) => duration(row.latency_ms?.p50) },
    { name: "p95", number: true, cell: (row) => duration(row.latency_ms?.p95) },
    { name: "First token", number: true, title: "Median time to the first token", cell: (row) => duration(row.ttft_ms?.p50) },
    { name: "Tokens/s", number: true, cell: (row) => rate(row.tokens_per_s) },
  ];
  return h("section", null,
    h("div.section", null, h("h2", `By ${query.by}`), choice("By", dimensions.map((one) => [one, one]), query.by, (by) => go(withQuery("/", { hours: query.hours, by })))),
    table(columns, rows, { caption: `Figures by ${query.by}`, empty: "No requests in this time. Send one, or try the playground." }));
}

/** A name, which leads to the figures of it alone: of a model by provider, of a user by key. */
function nameOf(row, query) {
  const name = row.name || "(none)";
  if (!row.name || query.by === "key" || !seesAll()) return name;
  const next = { model: "provider", provider: "model", user: "key" }[query.by];
  const only = h("a", { href: `/ui${withQuery("/", { ...query, by: next, [query.by]: row.name })}`, title: `Only this ${query.by}` }, name);
  return query.by === "model" && row.provider ? [only, h("span.quiet.small", null, `  ${row.provider}`)] : only;
}

/** A number with a bar as long as its share of the greatest. */
export function barred(text, part) {
  return h("span.barred", null, s("svg", { width: 48, height: 6, "aria-hidden": "true" }, s("rect", { width: Math.max(1, 48 * part), height: 6, rx: 3, x: 48 - Math.max(1, 48 * part), class: "fill tone-6" })), text);
}
