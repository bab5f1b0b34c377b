/** The caller's own account: limits, budgets, wallet, usage and movements. */

import { Refused, withQuery } from "../api.js";
import { h } from "../dom.js";
import { exact, money, share, usd } from "../format.js";
import { facts, head, known, loading, note, paged, table, tile } from "../parts.js";
import { MOVEMENTS, exportButton } from "./wallets.js";

export async function show(view) {
  view.draw(head("Account"), loading());
  let me;
  try {
    me = await view.ask("/v1/me");
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
    view.draw(head("Account"), note(error.message));
    return;
  }
  const usage = paged(
    async (after) => (after ? { data: [], next: null } : { data: (await view.ask("/v1/me/usage")).data, next: null }),
    (rows) => table(USAGE, rows, { caption: "Usage by day and model", empty: "Nothing in the last 30 days." }),
  );
  view.draw(
    head("Account"),
    h("div.panel", null, facts([["Name", me.name], ["User", me.user], ["Team", me.team], ["Key", me.key]])),
    me.wallet && h("h2", "Wallet"),
    me.wallet && h("div.tiles", null, tile("Balance", money(me.wallet.balance_usd)), tile("Held", money(me.wallet.held_usd)), tile("Available", money(me.wallet.available_usd))),
    h("h2", "Budgets"),
    table(BUDGETS, me.budgets, { caption: "Budgets", empty: "No budget is set." }),
    h("h2", "Limits"),
    table(LIMITS, me.limits, { caption: "Limits", empty: "No limit is set." }),
    h("h2", "Usage of 30 days"),
    usage.element,
    me.user && h("div.section", null, h("h2", "Movements"), exportButton("/v1/me/transactions", "movements.csv", view.signal)),
    me.user && paged((after) => view.ask(withQuery("/v1/me/transactions", { after, limit: 50 })), (rows) => table(MOVEMENTS, rows, { caption: "Movements", empty: "Nothing was booked yet." })).element,
  );
}

const BUDGETS = [
  { name: "Of", cell: (row) => row.of },
  { name: "Each", cell: (row) => row.period },
  { name: "Budget", number: true, cell: (row) => money(row.amount_usd) },
  { name: "Spent", number: true, cell: (row) => `${money(row.spent_usd)} (${share(row.amount_usd ? row.spent_usd / row.amount_usd : null)})` },
  { name: "Left", number: true, cell: (row) => money(row.left_usd) },
];

const LIMITS = [
  { name: "Of", cell: (row) => row.of },
  { name: "Requests per minute", number: true, cell: (row) => exact(row.requests_per_minute) },
  { name: "Tokens per minute", number: true, cell: (row) => exact(row.tokens_per_minute) },
  { name: "At the same time", number: true, cell: (row) => exact(row.concurrent) },
];

const USAGE = [
  { name: "Day", cell: (row) => row.day },
  { name: "Model", cell: (row) => known(row.model) },
  { name: "Requests", number: true, cell: (row) => exact(row.requests) },
  { name: "Without a price", number: true, cell: (row) => exact(row.unpriced) },
  { name: "Cost", number: true, cell: (row) => usd(row.cost_usd) },
];
