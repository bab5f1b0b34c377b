/** Keys of clients: make, change, rotate and revoke them. */

import { ask, withQuery } from "../api.js";
import { confirm, copyButton, field, form, open, say } from "../dialog.js";
import { h } from "../dom.js";
import { filters } from "../filters.js";
import { code, head, known, link, paged, path, state, table, when } from "../parts.js";
import { fieldsOf, settingsOf, words } from "./settings.js";

const STATES = { active: "good", rotated: "warn", revoked: "off", expired: "off" };

export async function show(view) {
  const query = { user: view.query.get("user") ?? "", state: view.query.get("state") ?? "" };
  const list = paged(
    (after) => view.ask(withQuery("/admin/keys", { ...query, after, limit: 100 })),
    (rows) => table(columns(list), rows, { caption: "Keys", empty: "No keys yet. Make one for an application or a user." }),
  );
  const make = h("button.primary", { type: "button", onclick: async () => {
    const made = await create(query.user);
    if (made) {
      await list.reload();
      await reveal(made, "Key created");
    }
  } }, "Create key");
  const states = [["", "any state"], ...Object.keys(STATES).map((one) => [one, one])];
  const fields = ({ text, choose }) => [text("user", "user", true), choose("state", "State", states)];
  view.draw(head("Keys", make), filters("/keys", query, fields), list.element);
}

function columns(list) {
  return [
    { name: "Name", cell: (row) => row.name },
    { name: "Key", cell: (row) => code(`${row.prefix}…`) },
    { name: "User", cell: (row) => (row.user ? link(`/requests?user=${encodeURIComponent(row.user)}`, row.user) : known(null)) },
    { name: "State", cell: (row) => state(STATES[row.state], row.state) },
    { name: "Set", wide: true, cell: (row) => known(words(row.settings)) },
    { name: "Created", cell: (row) => when(row.created_at) },
    { name: "Expires", cell: (row) => (row.expires_at ? when(row.expires_at) : known(null)) },
    { name: "", class: "buttons", cell: (row) => buttons(row, list) },
  ];
}

function buttons(row, list) {
  if (row.state === "revoked" || row.state === "expired") return null;
  const button = (name, act, kind = "button.small") => h(kind, { type: "button", "aria-label": `${name} ${row.name}`, onclick: act }, name);
  return [
    button("Edit", async () => (await edit(row)) && list.reload()),
    row.state === "active" && button("Rotate", async () => {
      const made = await rotate(row);
      if (made) {
        await list.reload();
        await reveal(made, "Key rotated");
      }
    }),
    button("Revoke", async () => {
      const done = await confirm(`Revoke ${row.name}`, `Requests with ${row.prefix}… are refused within a second. This cannot be undone.`, "Revoke", () => ask(`/admin${path("keys", row.id)}`, { method: "DELETE" }));
      if (done) {
        say(`${row.name} is revoked.`);
        await list.reload();
      }
    }),
  ];
}

function create(user) {
  const fields = [
    field("name", "Name", { required: true, hint: "As records show it." }),
    field("user", "User", { value: user, hint: "Whose wallet pays; a new one is created." }),
    ...fieldsOf(),
    field("addresses", "Addresses", { kind: "lines", hint: "Networks that it may be used from (10.0.0.0/8), one a line; none: all." }),
    field("expires", "Expires after", { kind: "date" }),
  ];
  return form("Create key", "Create", fields, (values) => ask("/admin/keys", { method: "POST", body: {
    name: values.name,
    user: values.user || null,
    settings: { ...settingsOf(values), addresses: values.addresses },
    expires_at: values.expires,
  } }));
}

function edit(row) {
  const fields = [field("name", "Name", { value: row.name, required: true }), ...fieldsOf(row.settings), field("addresses", "Addresses", { kind: "lines", value: row.settings.addresses ?? [] })];
  return form(`Edit ${row.name}`, "Save", fields, (values) => ask(`/admin${path("keys", row.id)}`, { method: "PATCH", body: {
    name: values.name,
    settings: { ...settingsOf(values, row.settings), addresses: values.addresses },
  } }));
}

function rotate(row) {
  const hours = field("hours", "The old key works for", { kind: "number", value: 1, min: 0, hint: "hours from now" });
  return form(`Rotate ${row.name}`, "Rotate", [hours], (values) => ask(`/admin${path("keys", row.id, "rotate")}`, { method: "POST", body: {
    overlap_s: Math.round((values.hours ?? 0) * 3600),
  } }), "A new key with the same name, user and settings takes its place.");
}

/** Shows a key, which nobody can see again. */
function reveal(made, title) {
  return open(title, (close) => h("div.body", null,
    h("p", null, "Copy it now: it is not stored, and is never shown again."),
    h("div.secret", null, h("code", { "data-secret": true }, made.secret), copyButton(made.secret)),
    h("div.actions", null, h("button.primary", { type: "button", autofocus: true, onclick: () => close() }, "Done"))));
}
