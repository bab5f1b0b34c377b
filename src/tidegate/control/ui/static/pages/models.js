/** Models: what there is, what it costs, how it does, and several of them side by side over time. */

import { seesAll, withQuery } from "../api.js";
import { chart } from "../charts.js";
import { fill, h } from "../dom.js";
import { count, duration, durationShort, exact, rate, share, shareShort, usd, usdShort } from "../format.js";
import { choice, head, known, loading, table, trouble } from "../parts.js";
import { TIMES } from "./overview.js";
import { go } from "../places.js";

const MOST = 4;

export async function show(view) {
  const query = { q: view.query.get("q") ?? "", hours: view.query.get("hours") ?? "24" };
  const chosen = view.query.getAll("compare").slice(0, MOST);
  view.draw(head("Models"), loading());
  const [listed, figures] = await Promise.all([
    view.ask("/v1/models?details=true"),
    seesAll() ? view.ask(withQuery("/admin/overview", { hours: query.hours, by: "model" })) : { by: [] },
  ]);
  const seen = new Map(figures.by.map((one) => [`${one.provider}/${one.name}`, one]));
  const all = listed.data.map((model) => ({ ...model, place: `${model.provider ?? model.owned_by}/${model.model ?? model.id}` }));
  const places = new Set(all.map((one) => one.place));
  for (const one of seen.keys()) if (!places.has(one)) all.push({ id: one, place: one });
  for (const model of all) model.figures = seen.get(model.place) ?? null;
  all.sort((a, b) => (b.figures?.requests ?? 0) - (a.figures?.requests ?? 0));

  const place = h("div.models");
  const compared = h("section");
  const change = (more) => {
    const next = { ...query, ...more };
    const where = withQuery("/models", next);
    const also = (more.compare ?? chosen).map((one) => `compare=${encodeURIComponent(one)}`).join("&");
    go(also ? `${where}${where.includes("?") ? "&" : "?"}${also}` : where);
  };
  const search = h("input.search", { value: query.q, placeholder: "Search models  ( / )", "aria-label": "Search models", "data-search": true, spellcheck: "false", oninput: () => draw(search.value) });
  const draw = (text) => fill(place, catalog(matching(all, text), chosen, change));
  view.draw(
    head("Models", seesAll() && choice("Time", TIMES, query.hours, (hours) => change({ hours }))),
    compared,
    h("div.filters", null, search, h("span.quiet.small", null, `${exact(all.length)} models${seesAll() ? ` · choose up to ${MOST} to compare` : ""}`)),
    place,
  );
  draw(query.q);
  if (chosen.length) await compare(view, compared, chosen, query.hours, change);
}

function matching(models, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((one) => words.every((word) => `${one.id} ${one.label ?? ""} ${one.owned_by ?? ""}`.toLowerCase().includes(word)));
}

const PAGE = 100;

const FIGURES = [
  { name: "Requests", number: true, cell: (row) => (row.figures ? exact(row.figures.requests) : known(null)) },
  { name: "Succeeded", number: true, cell: (row) => share(row.figures?.success_rate) },
  { name: "p50", number: true, title: "Median latency", cell: (row) => duration(row.figures?.latency_ms?.p50) },
  { name: "First token", number: true, title: "Median time to the first token", cell: (row) => duration(row.figures?.ttft_ms?.p50) },
  { name: "Tokens/s", number: true, cell: (row) => rate(row.figures?.tokens_per_s) },
  { name: "Cost", number: true, cell: (row) => usd(row.figures?.cost_usd) },
];

function catalog(models, chosen, change) {
  const price = (name) => (row) => {
    const value = row.prices?.per_million_tokens?.[name];
    return value === undefined ? known(null) : `$${value}`;
  };
  const columns = [
    seesAll() && { name: "", cell: (row) => h("input", {
      type: "checkbox", checked: chosen.includes(row.place), disabled: !chosen.includes(row.place) && chosen.length >= MOST, "aria-label": `Compare ${row.id}`,
      onchange: (event) => change({ compare: event.target.checked ? [...chosen, row.place] : chosen.filter((one) => one !== row.place) }),
    }) },
    { name: "Model", cell: nameOf },
    { name: "Context", number: true, cell: (row) => count(row.context_window ?? row.context_length ?? null) },
    { name: "Input", number: true, title: "USD per million tokens", cell: price("input") },
    { name: "Cached", number: true, title: "USD per million tokens read from the provider's cache", cell: price("cache_read") },
    { name: "Output", number: true, title: "USD per million tokens", cell: price("output") },
    ...(seesAll() ? FIGURES : []),
  ].filter(Boolean);
  const shown = models.slice(0, PAGE);
  return [
    table(columns, shown, { caption: "Models", empty: "No model matches." }),
    models.length > PAGE && h("p.quiet.small", null, `The first ${PAGE} of ${exact(models.length)}: search for others.`),
  ];
}

/** The name, and the providers of a name that does not begin with one. */
function nameOf(row) {
  const providers = [...new Set((row.served_by ?? [row.place]).map((one) => one.split("/")[0]))].join(", ");
  return h("span", { title: row.description ?? row.label ?? row.id },
    row.id, !row.id.startsWith(`${providers}/`) && h("span.quiet.small", null, ` at ${providers}`));
}

/** The provider, and its own name for the model. */
function placeOf(place) {
  const [provider, ...model] = place.split("/");
  return { provider, model: model.join("/") };
}

/** The same charts for each of the chosen models, next to each other and on the same scales. */
async function compare(view, place, chosen, hours, change) {
  fill(place, h("h2", "Side by side"), loading());
  const found = await Promise.all(chosen.map((one) => view.ask(withQuery("/admin/overview", { hours, by: "provider", ...placeOf(one) })).catch((error) => {
    if (error.name === "AbortError") throw error;
    return error;
  })));
  const failed = found.find((one) => one instanceof Error);
  const title = h("div.section", null, h("h2", "Side by side"), h("button", { type: "button", onclick: () => change({ compare: [] }) }, "Close"));
  if (failed) {
    fill(place, title, trouble(failed));
    return;
  }
  const times = found[0].series.map((one) => one.time);
  const over = { times, step: found[0].bucket_s * 1000 };
  const series = (read) => chosen.map((name, index) => ({ name, values: times.map((_, at) => (found[index].series[at] ? read(found[index].series[at]) ?? null : null)) }));
  fill(place, title, h("div.charts", null,
    chart("Time to first token, median", { ...over, format: duration, axis: durationShort, series: series((one) => one.ttft_ms?.p50) }),
    chart("Latency, 95th percentile", { ...over, format: duration, axis: durationShort, series: series((one) => one.latency_ms?.p95) }),
    chart("Succeeded", { ...over, format: share, axis: shareShort, top: 1, series: series((one) => one.success_rate) }),
    chart("Cost per request", { ...over, format: usd, axis: usdShort, series: series((one) => (one.requests && one.cost_usd !== null ? one.cost_usd / one.requests : null)) }),
    chart("Tokens per second", { ...over, format: rate, series: series((one) => one.tokens_per_s) }),
    chart("Requests", { ...over, format: count, series: series((one) => one.requests) }),
  ));
}
