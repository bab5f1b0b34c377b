/** Wallets: balances, money in and out, and statements. */

import { ask, saveCSV, session, withQuery } from "../api.js";
import { field, form, say } from "../dialog.js";
import { h } from "../dom.js";
import { money } from "../format.js";
import { head, known, link, loading, note, paged, path, table, tile, when } from "../parts.js";
import { go } from "../places.js";

const COLUMNS = [
  { name: "User", cell: (row) => row.user },
  { name: "Balance", number: true, cell: (row) => money(row.balance_usd) },
  { name: "Held", number: true, title: "For open requests, and leased by workers for the next ones", cell: (row) => money(row.held_usd) },
  { name: "Available", number: true, cell: (row) => money(row.available_usd) },
  { name: "Overdraft", number: true, cell: (row) => money(row.overdraft_usd) },
];

export async function show(view) {
  const list = paged(
    (after) => view.ask(withQuery("/admin/wallets", { after, limit: 100 })),
    (rows) => table(COLUMNS, rows, { to: (row) => path("wallets", row.user), caption: "Wallets", empty: "No wallets yet. The first credit opens one." }),
  );
  const credit = h("button.primary", { type: "button", onclick: async () => {
    const moved = await move("credits", null);
    if (moved) go(path("wallets", moved.wallet.user));
  } }, "Credit a wallet");
  view.draw(
    head("Wallets", credit),
    !session.gateway.billing && note("Billing is off: wallets are kept, and no request is paid from them. It is switched on with [billing] enabled."),
    list.element,
  );
}

export async function showOne(view) {
  const user = view.argument;
  const at = `/admin${path("wallets", user)}`;
  view.draw(head(`Wallet of ${user}`), loading());
  let wallet;
  try {
    wallet = await view.ask(at);
  } catch (error) {
    if (error.status !== 404) throw error;
    view.draw(head(`Wallet of ${user}`, creditButton(user, () => showOne(view))), note(error.message));
    return;
  }
  const again = () => showOne(view);
  const statement = paged((after) => view.ask(withQuery(`${at}/statement`, { after, limit: 100 })), (rows) => table(MOVEMENTS, rows, { caption: "Statement", empty: "Nothing was booked yet." }));
  const debit = h("button", { type: "button", onclick: async () => (await move("debits", user)) && again() }, "Debit");
  view.draw(
    head(`Wallet of ${user}`, creditButton(user, again), debit),
    h("div.tiles", null, tile("Balance", money(wallet.balance_usd)), tile("Held", money(wallet.held_usd)), tile("Available", money(wallet.available_usd)), tile("Overdraft", money(wallet.overdraft_usd))),
    h("h2", "Credits left"),
    table(CREDITS, wallet.credits, { caption: "Credits left", empty: "None." }),
    h("div.section", null, h("h2", "Statement"), exportButton(`${at}/statement`, `statement-${user}.csv`, view.signal)),
    statement.element,
  );
}

/** A button that saves a statement as CSV. */
export function exportButton(from, name, signal) {
  const button = h("button", { type: "button", onclick: async () => {
    button.disabled = true;
    try {
      await saveCSV(from, name.replace(/[^\w.-]+/g, "_"), signal);
    } catch (error) {
      if (error.name !== "AbortError") say(error.message);
    } finally {
      button.disabled = false;
    }
  } }, "Export CSV");
  return button;
}

function creditButton(user, then) {
  return h("button.primary", { type: "button", onclick: async () => (await move("credits", user)) && then() }, "Credit");
}

const CREDITS = [
  { name: "Credited", cell: (row) => when(row.at) },
  { name: "Amount", number: true, cell: (row) => money(row.amount_usd) },
  { name: "Left", number: true, cell: (row) => money(row.remaining_usd) },
  { name: "Priority", number: true, title: "Credits with a lower one are spent first", cell: (row) => row.priority },
  { name: "Expires", cell: (row) => (row.expires_at ? when(row.expires_at) : known(null)) },
];

export const MOVEMENTS = [
  { name: "Time", cell: (row) => when(row.at) },
  { name: "Kind", cell: (row) => row.kind.replaceAll("_", " ") },
  { name: "Amount", number: true, cell: (row) => money(row.amount_usd) },
  { name: "Balance", number: true, cell: (row) => money(row.balance_usd) },
  { name: "Request", cell: (row) => (row.request ? link(path("requests", row.request), row.request) : known(null)) },
  { name: "Reference", cell: (row) => known(row.reference) },
  { name: "Note", wide: true, cell: (row) => known(row.note) },
];

/** Books money. The reference is made with the form, so that a repeated click books once. */
async function move(what, user) {
  const credit = what === "credits";
  const fields = [
    ...(user === null ? [field("user", "User", { required: true })] : []),
    field("amount", "Amount in USD", { required: true, hint: "With at most nine decimals." }),
    field("reference", "Reference", { value: `ui-${crypto.randomUUID ? crypto.randomUUID() : Date.now()}`, required: true, hint: "Booked once: an invoice number, for instance." }),
    field("note", "Note"),
    ...(credit ? [field("expires", "Expires after", { kind: "date" }), field("priority", "Priority", { kind: "number", value: 0, step: 1, hint: "Lower ones are spent first." })] : []),
  ];
  const moved = await form(credit ? "Credit" : "Debit", credit ? "Credit" : "Debit", fields, (values) => ask(`/admin${path("wallets", user ?? values.user, what)}`, {
    method: "POST",
    headers: { "idempotency-key": values.reference },
    body: { amount_usd: values.amount, note: values.note, ...(credit ? { expires_at: values.expires, priority: values.priority ?? 0 } : {}) },
  }));
  if (moved) say(moved.booked ? `${money(moved.amount_usd)} booked; the balance is ${money(moved.wallet.balance_usd)}.` : "This reference was booked before: nothing has changed.");
  return moved;
}
