/** One request: how it went, what was tried, what it cost, and what was said. */

import { ask, figuresAt, seesAll, session } from "../api.js";
import { confirm, copyButton, say } from "../dialog.js";
import { fill, h, s, visible } from "../dom.js";
import { bytes, count, duration, exact, money, sum, usd } from "../format.js";
import { ending, facts, head, known, link, loading, note, path, state, table, tabs, when } from "../parts.js";

export async function show(view) {
  view.draw(head("Request"), loading());
  if (session.viewer) {
    view.draw(head("Request"), note("What a request contains is shown to those who sign in with an admin key: set TIDEGATE_ADMIN_KEYS and reload."));
    return;
  }
  const one = await view.ask(figuresAt(path("requests", view.argument)));
  view.draw(
    head(`Request ${one.id}`, ...actions(one)),
    summary(one),
    one.error && h("div.panel.trouble", null, state("bad", one.error)),
    h("div.panels", null, h("div", null, h("h2", "Timeline"), timeline(one)), h("div", null, h("h2", "Bill"), bill(one))),
    h("h2", "Attempts"),
    attempts(one),
    h("h2", "Contents"),
    contents(one),
    one.skipped.length > 0 && [h("h2", "Skipped"), table(SKIPPED, one.skipped, { caption: "Candidates that were skipped" })],
    one.routing && [h("h2", "Routing"), h("div.panel", null, h("pre.content", { tabindex: 0 }, pretty(one.routing)))],
  );
}

function actions(one) {
  const buttons = [copyButton(one.id, "Copy id")];
  if (session.admin && one.user && one.cost_usd > 0 && session.gateway.billing) {
    const refund = () => ask("/admin/refunds", { method: "POST", body: { request: one.id } });
    buttons.push(h("button", {
      type: "button",
      onclick: async () => {
        const words = `What the wallet of ${one.user} has paid for this request is given back. This happens at most once.`;
        const done = await confirm("Refund this request", words, "Refund", refund);
        if (done) say(done.booked ? `${money(done.amount_usd)} given back.` : "It was refunded before: nothing has changed.");
      },
    }, "Refund"));
  }
  return buttons;
}

const SKIPPED = [
  { name: "Provider", cell: (row) => known(row.provider) },
  { name: "Model", cell: (row) => known(row.model) },
  { name: "Reason", wide: true, cell: (row) => known(row.reason) },
];

function summary(one) {
  const input = sum(one.tokens, "input", "cache_read", "cache_write");
  return h("div.panel", null, facts([
    ["Ended", ending(one)],
    ["Time", when(one.time)],
    ["Total", duration(one.total_ms)],
    ["First token", duration(one.ttft_ms)],
    ["Cost", h("span", null, one.estimated && one.cost_usd !== null ? "≈ " : "", usd(one.cost_usd), one.cost_usd === null ? " (no price known)" : "")],
    ["Tokens", `${count(input)} in · ${count(sum(one.tokens, "output", "reasoning"))} out`],
    ["From cache", one.tokens?.cache_read ? `${exact(one.tokens.cache_read)} tokens` : null],
    ["Reasoning", one.tokens?.reasoning ? `${exact(one.tokens.reasoning)} tokens` : null],
    ["Model", one.model],
    ["Served by", one.provider && `${one.provider}/${one.provider_model ?? ""}`],
    ["User", one.user && seesAll() ? link(`/requests?user=${encodeURIComponent(one.user)}`, one.user) : one.user],
    ["Team", one.team],
    ["Key", one.key],
    ["Session", one.session && link(path("sessions", one.session), one.session)],
    ["Client", one.client],
    ["Door", [one.door, " ", h("code", null, one.path ?? "")]],
    ["Streamed", one.stream === null || one.stream === undefined ? null : one.stream ? "yes" : "no"],
    ["Finish", one.finish],
    ["Gateway's own time", one.overhead_ms === null ? null : duration(one.overhead_ms)],
    ["Provider's own figure", one.provider_cost_usd === null ? null : usd(one.provider_cost_usd)],
    ["Correlation", one.correlation],
    ["Dropped", one.dropped.join(", ")],
    ["Left out", one.left_out.join(", ")],
    ...Object.entries(one.fields).map(([name, value]) => [name.replaceAll("_", " "), value]),
  ]));
}

function timeline(one) {
  const list = one.timeline.map(({ at_ms: at, what, ...more }) => {
    const detail = Object.entries(more).filter(([, value]) => value !== null && value !== undefined && value !== "");
    return h("li", null, h("span.at", null, duration(at)), h("span", null, String(what).replaceAll("_", " "),
      detail.length ? h("span.quiet", null, "  ", detail.map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? pretty(value) : value}`).join(" · ")) : null));
  });
  const drawn = h("div.gantt-place");
  if (one.attempts.length && one.total_ms) {
    new ResizeObserver(() => {
      const width = Math.round(drawn.clientWidth);
      if (width > 60 && drawn.dataset.width !== String(width)) {
        drawn.dataset.width = String(width);
        fill(drawn, gantt(one, width));
      }
    }).observe(drawn);
  }
  return h("div.panel", null, drawn, list.length ? h("ol.timeline", null, ...list) : one.attempts.length ? null : h("p.empty", null, "No detail was kept."));
}

/** The attempts as bars: waiting, then answering. */
function gantt(one, width) {
  const room = { left: 12, right: 12, row: 34, top: 10 };
  const most = Math.max(one.total_ms, ...one.attempts.map((each) => each.ended_ms ?? 0)) || 1;
  const x = (ms) => room.left + (ms / most) * (width - room.left - room.right);
  const height = room.top + one.attempts.length * room.row + 18;
  const svg = s("svg.gantt", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Attempts over ${duration(most)}` });
  one.attempts.forEach((each, index) => {
    const y = room.top + index * room.row;
    const end = each.ended_ms ?? most;
    const first = each.first_byte_ms ?? end;
    const failed = Boolean(each.error) || each.status >= 400;
    svg.append(
      s("text", { x: room.left, y: y + 11 }, `${each.provider}/${each.model}`.slice(0, Math.floor(width / 8))),
      s("rect", { x: x(each.started_ms ?? 0), y: y + 16, height: 9, rx: 2, width: Math.max(2, x(first) - x(each.started_ms ?? 0)), class: failed ? "failed" : "wait" }, s("title", null, `waited ${duration(first - (each.started_ms ?? 0))}`)),
    );
    if (first < end) svg.append(s("rect", { x: x(first), y: y + 16, height: 9, rx: 2, width: Math.max(2, x(end) - x(first)), class: "data" }, s("title", null, `answered for ${duration(end - first)}`)));
  });
  svg.append(s("text.axis", { x: room.left, y: height - 4 }, "0"), s("text.axis", { x: width - room.right, y: height - 4, "text-anchor": "end" }, duration(most)));
  return svg;
}

function bill(one) {
  const columns = [
    { name: "Class", cell: (row) => row.name.replaceAll("_", " ") },
    { name: "Quantity", number: true, cell: (row) => exact(row.tokens) },
    { name: "Price", number: true, title: "USD per million tokens, per thousand searches or requests, per image; of a margin, the share", cell: (row) => known(row.price) },
    { name: "Amount", number: true, cell: (row) => money(row.amount_usd) },
  ];
  const rows = one.bill;
  const whole = table(columns, rows, { caption: "Bill", empty: one.cost_usd === null ? "No price is known for this model, so nothing was billed." : "Nothing was billed." });
  if (rows.length) whole.querySelector("tbody").append(h("tr", null, h("td", null, h("strong", "Total")), h("td"), h("td"), h("td.number", null, h("strong", null, money(one.cost_usd)))));
  return whole;
}

function attempts(one) {
  const columns = [
    { name: "Provider", cell: (row) => known(row.provider) },
    { name: "Model", cell: (row) => known(row.model) },
    { name: "Ended", cell: outcome },
    { name: "Began", number: true, cell: (row) => duration(row.started_ms) },
    { name: "First byte", number: true, cell: (row) => duration(row.first_byte_ms) },
    { name: "Ended at", number: true, cell: (row) => duration(row.ended_ms) },
    { name: "Input", number: true, cell: (row) => count(sum(row.usage, "input", "cache_read", "cache_write")) },
    { name: "Output", number: true, cell: (row) => count(sum(row.usage, "output", "reasoning")) },
    { name: "Cost", number: true, cell: (row) => usd(row.cost_usd) },
    { name: "Error", wide: true, cell: (row) => known(row.error) },
  ];
  return table(columns, one.attempts, { caption: "Attempts", empty: "No provider was called." });
}

function outcome(row) {
  const words = [row.status, row.hedge && "hedge", row.cancelled && "cancelled"].filter(Boolean).join(" ");
  return state(row.cancelled ? "warn" : row.error || row.status >= 400 ? "bad" : "good", words);
}

function contents(one) {
  const list = [["Request", one.request], ["Answer", one.response]];
  one.attempts.forEach((each, index) => {
    if (each.request) list.push([`Sent to ${each.provider}${index ? ` (${index + 1})` : ""}`, each.request]);
    if (each.response) list.push([`Received from ${each.provider}${index ? ` (${index + 1})` : ""}`, each.response]);
  });
  if (!list.some(([, one]) => one)) {
    return note("The contents of this request were not kept. What is kept, and for how long, is set in [logs] and for each key.");
  }
  return tabs("Contents", list.map(([name, content]) => [name, () => body(content)]));
}

function body(content) {
  if (!content) return h("p.empty.panel", null, "Not kept.");
  const text = content.text ?? "";
  const neat = formatted(text);
  const place = h("pre.content", { tabindex: 0 });
  let plain = neat === null;
  const button = h("button.small", { type: "button", onclick: () => show(!plain) });
  function show(raw) {
    plain = raw;
    place.textContent = visible(raw ? text : neat);
    button.textContent = raw ? "Format" : "As sent";
  }
  show(plain);
  const remarks = [bytes(content.bytes), content.truncated && "cut off", content.redacted && "redacted"].filter(Boolean);
  return h("div.panel", null,
    h("div.bodybar", null, h("span.quiet.small", null, remarks.join(" · ")), h("div.actions", null, neat === null ? null : button, copyButton(text))),
    text ? place : h("p.empty", null, "Empty."));
}

/** JSON with its lines indented; null for what is not JSON. */
function formatted(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
