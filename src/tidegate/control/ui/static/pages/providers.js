/** How the providers do, as the requests of this gateway see it. */

import { h } from "../dom.js";
import { duration, share, usd } from "../format.js";
import { facts, head, known, loading, state, table } from "../parts.js";

const STATES = { healthy: "good", degraded: "warn", unavailable: "bad", unknown: "off" };
const WORDS = { unknown: "not called yet" };

export async function show(view) {
  view.draw(head("Providers"), loading());
  const look = async () => view.draw(head("Providers"), ...contents(await view.ask("/v1/chat/health")));
  await look();
  view.every(5000, look);
}

function contents(found) {
  const cache = found.prompt_cache ?? {};
  return [
    ...found.providers.map(provider),
    found.providers.length === 0 && h("p.empty.panel", null, "No provider is configured."),
    h("h2", "Prompt cache"),
    h("div.panel", null, facts([
      ["Requests kept with the provider of their conversation", known(cache.stayed)],
      ["Moved to another one", known(cache.moved)],
      ["Hit rate", share(cache.hit_rate)],
      ["Saved", usd(cache.saved_usd)],
    ])),
  ];
}

function provider(one) {
  const models = (one.models ?? []).map((each) => (typeof each === "string" ? { model: each } : each));
  return h("section", null,
    h("div.section", null, h("h2", one.name), h("div.actions", null, h("span.badge", one.kind), state(STATES[one.status] ?? "off", WORDS[one.status] ?? one.status))),
    models.length ? endpoints(models) : h("p.empty.panel", null, "No request has gone to it since the gateway started."),
    credentials(one.credentials ?? []));
}

function endpoints(models) {
  return table(columnsOf(models, "model"), models, { caption: "Models of the provider" });
}

function credentials(list) {
  if (list.length < 2) return null;
  return h("div", null, h("h3", "Keys"), table(columnsOf(list, "key"), list, { caption: "Keys of the provider" }));
}

/** Columns for whatever is reported: what states are, durations and shares by their names. */
function columnsOf(rows, first) {
  const names = [...new Set(rows.flatMap((one) => Object.keys(one)))];
  names.sort((a, b) => Number(b === first) - Number(a === first));
  return names.map((name) => ({
    name: name.replace(/_(ms|s)$/, "").replaceAll("_", " "),
    number: rows.every((row) => typeof row[name] === "number" || row[name] === null),
    wide: rows.some((row) => typeof row[name] === "string" && row[name].length > 40),
    cell: (row) => shown(name, row[name]),
  }));
}

function shown(name, value) {
  if (value === null || value === undefined || value === "") return known(null);
  if (name === "status" || name === "state") return state(STATES[value] ?? "off", value);
  if (typeof value === "number") {
    if (name.endsWith("_ms")) return duration(value);
    if (name.endsWith("_s")) return duration(value * 1000);
    if (name.endsWith("_rate")) return share(value);
    return String(Number(value.toPrecision(4)));
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
