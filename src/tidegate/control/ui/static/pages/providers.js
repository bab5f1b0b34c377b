/** How the providers do, as the requests of this gateway see it. */

import { ask, session } from "../api.js";
import { confirm, field, form, say } from "../dialog.js";
import { h } from "../dom.js";
import { duration, exact, rate, share, usd } from "../format.js";
import { code, facts, head, known, loading, path, state, table, when } from "../parts.js";

const STATES = { healthy: "good", degraded: "warn", unavailable: "bad", unknown: "off" };
const WORDS = { unknown: "not called yet" };

export async function show(view) {
  view.draw(head("Providers"), loading());
  const keys = session.admin && session.gateway.store ? await storedKeys(view) : null;
  const look = async (draw) => draw(head("Providers"), ...contents(await view.ask("/v1/chat/health")), keys);
  await look(view.draw);
  view.every(5000, () => look(view.redraw));
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
  return h("section", null,
    h("div.section", null, h("h2", one.name), h("div.actions", null, h("span.badge", one.kind), state(STATES[one.status] ?? "off", WORDS[one.status] ?? one.status))),
    table(MODELS, one.models, { caption: `Models of ${one.name}`, empty: "No request has gone to it since the gateway started." }),
    one.credentials.length > 1 && h("div", null, h("h2", "Keys"), table(CREDENTIALS, one.credentials, { caption: `Keys of ${one.name}` })));
}

const seconds = (value) => (value ? duration(value * 1000) : known(null));
const ago = (words, value) => (words ? h("span", null, words, value === null ? null : h("span.quiet", null, `  ${duration(value * 1000)} ago`)) : known(null));

const MODELS = [
  { name: "Model", cell: (row) => row.model },
  { name: "State", cell: (row) => state(STATES[row.status] ?? "off", row.status) },
  { name: "Breaker", title: "And when the model is tried again", cell: (row) => [row.breaker.replaceAll("_", " "), row.available_in_s > 0 && h("span.quiet", null, `  for ${duration(row.available_in_s * 1000)}`)] },
  { name: "Succeeded", number: true, title: "Of its recent attempts", cell: (row) => share(row.success_rate) },
  { name: "Attempts", number: true, title: "Recent ones", cell: (row) => exact(row.attempts) },
  { name: "First token", number: true, title: "The time to it: median, and 95th percentile", cell: (row) => (row.ttft_p50_s ? [seconds(row.ttft_p50_s), " · ", seconds(row.ttft_p95_s)] : known(null)) },
  { name: "Tokens/s", number: true, cell: (row) => rate(row.tokens_per_s) },
  { name: "Rate limited", number: true, cell: (row) => exact(row.rate_limited) },
  { name: "Changed", title: "Against its own past: the last half hour beside the day before", cell: (row) => known(row.changes.map((one) => CHANGES[one] ?? one).join(", ") || null) },
  { name: "Last error", wide: true, cell: (row) => ago(row.last_error, row.last_error_s_ago) },
  { name: "Last probe", cell: (row) => ago(row.last_probe, row.last_probe_s_ago) },
];

const CHANGES = { ttft: "slower", errors: "more errors", cost: "cost of an answer" };

const CREDENTIALS = [
  { name: "Key", cell: (row) => h("code", row.fingerprint) },
  { name: "Blocked by", cell: (row) => known(row.blocked_by) },
  { name: "Again in", number: true, cell: (row) => seconds(row.available_in_s) },
  { name: "Open requests", number: true, cell: (row) => exact(row.in_flight) },
];

/** The keys of providers in the store: set, replaced and removed here, and never shown. */
async function storedKeys(view) {
  const section = h("section");
  const draw = async () => {
    const rows = (await view.ask("/admin/providers")).data;
    const set = h("button", { type: "button", onclick: () => change(setKey(rows), "is used within a second") }, "Set a key");
    section.replaceChildren(
      h("div.section", null, h("h2", "Stored keys"), h("div.actions", null, set)),
      table(columns(rows), rows.filter((row) => row.key), { caption: "Keys of providers in the store", empty: "No key of a provider is in the store: those of the configuration are used." }),
    );
  };
  const change = async (asked, words) => {
    let done;
    try {
      done = await asked;
    } catch (error) {
      return say(error.message);
    }
    if (!done) return;
    say(`The key of ${done.name} ${words}.`);
    await draw();
  };
  const columns = (rows) => [
    { name: "Provider", cell: (row) => row.name },
    { name: "Kind", cell: (row) => known(row.kind) },
    { name: "Key", cell: (row) => code(row.key.last_four ? `…${row.key.last_four}` : "•••") },
    { name: "Fingerprint", title: "The beginning of its SHA-256", cell: (row) => code(row.key.fingerprint) },
    { name: "State", cell: (row) => use(row) },
    { name: "Set", cell: (row) => when(row.key.set_at) },
    { name: "By", cell: (row) => row.key.set_by },
    { name: "", class: "buttons", cell: (row) => [
      h("button.small", { type: "button", "aria-label": `Replace the key of ${row.name}`, onclick: () => change(setKey(rows, row.name), "is used within a second") }, "Replace"),
      h("button.small", { type: "button", "aria-label": `${row.key.disabled_at ? "Enable" : "Disable"} the key of ${row.name}`, onclick: () => change(switchKey(row), row.key.disabled_at ? "is enabled" : "is disabled") }, row.key.disabled_at ? "Enable" : "Disable"),
      h("button.small", { type: "button", "aria-label": `Remove the key of ${row.name}`, onclick: () => change(removeKey(row), "is removed") }, "Remove"),
    ] },
  ];
  await draw();
  return section;
}

function setKey(rows, name = "") {
  const fields = [
    field("name", "Provider", { value: name, required: true, suggestions: rows.map((row) => row.name), hint: "As in the configuration, or the kind of a provider that it does not have, such as anthropic." }),
    field("key", "Key", { kind: "secret", required: true, hint: "It is stored encrypted and shown to nobody." }),
  ];
  return form(name ? `Replace the key of ${name}` : "Set the key of a provider", "Set", fields, (values) =>
    ask(`/admin${path("providers", values.name, "key")}`, { method: "PUT", body: { key: values.key } }));
}

function use(row) {
  if (row.key.disabled_at) return h("span", null, state("warn", "disabled"), " ", when(row.key.disabled_at));
  return row.in_use ? state("good", "in use") : state("off", "not used: the configuration has one, or no such provider");
}

function switchKey(row) {
  const act = (disabled) => ask(`/admin${path("providers", row.name, "key")}`, { method: "PATCH", body: { disabled } });
  if (row.key.disabled_at) return act(false);
  return confirm(`Disable the key of ${row.name}`, "Within a second, no request uses it until it is enabled again. Without another key, the provider cannot be called.", "Disable", () => act(true));
}

function removeKey(row) {
  return confirm(`Remove the key of ${row.name}`, "Within a second, no request uses it any more. Without another key, the provider cannot be called.", "Remove", () =>
    ask(`/admin${path("providers", row.name, "key")}`, { method: "DELETE" }));
}
