/** Users and teams: what is set for them. */

import { ask, withQuery } from "../api.js";
import { field, form } from "../dialog.js";
import { h } from "../dom.js";
import { head, known, link, paged, path, state, table, when } from "../parts.js";
import { fieldsOf, settingsOf, words } from "./settings.js";

export async function showUsers(view) {
  const team = view.query.get("team") ?? "";
  const list = paged(
    (after) => view.ask(withQuery("/admin/users", { team, after, limit: 100 })),
    (rows) => table(userColumns(list), rows, { caption: "Users", empty: "No users yet. They come with their first key, credit or token." }),
  );
  const make = h("button.primary", { type: "button", onclick: async () => (await putUser(null)) && list.reload() }, "Create user");
  view.draw(head(team ? `Users of ${team}` : "Users", make), list.element);
}

function userColumns(list) {
  return [
    { name: "User", cell: (row) => row.id },
    { name: "Name", cell: (row) => known(row.name) },
    { name: "Team", cell: (row) => (row.team ? link(`/users?team=${encodeURIComponent(row.team)}`, row.team) : known(null)) },
    { name: "State", cell: (row) => (row.disabled_at ? state("off", "disabled") : state("good", "active")) },
    { name: "Set", wide: true, cell: (row) => known(words(row.settings)) },
    { name: "Created", cell: (row) => when(row.created_at) },
    { name: "", class: "buttons", cell: (row) => [
      h("span.small", null, link(`/keys?user=${encodeURIComponent(row.id)}`, "Keys"), "  ", link(path("wallets", row.id), "Wallet"), "  "),
      h("button.small", { type: "button", "aria-label": `Edit ${row.id}`, onclick: async () => (await putUser(row)) && list.reload() }, "Edit"),
    ] },
  ];
}

function putUser(row) {
  const settings = row?.settings ?? {};
  const fields = [
    ...(row ? [] : [field("id", "User", { required: true, hint: "An id: it cannot be changed." })]),
    field("name", "Name", { value: row?.name ?? "" }),
    field("team", "Team", { value: row?.team ?? "" }),
    ...fieldsOf(settings),
    field("wallet", "Pays from a wallet", { kind: "check", value: settings.wallet ?? true, hint: "Where billing is on." }),
    ...(row ? [field("disabled", "Disabled", { kind: "check", value: row.disabled_at !== null, hint: "All keys and tokens of the user stop to work." })] : []),
  ];
  return form(row ? `Edit ${row.id}` : "Create user", "Save", fields, (values) => ask(`/admin${path("users", row?.id ?? values.id)}`, { method: "PUT", body: {
    name: values.name,
    team: values.team || null,
    settings: { ...settingsOf(values, settings), wallet: values.wallet },
    ...(row ? { disabled: values.disabled } : {}),
  } }));
}

export async function showTeams(view) {
  const list = paged(
    (after) => view.ask(withQuery("/admin/teams", { after, limit: 100 })),
    (rows) => table(teamColumns(list), rows, { caption: "Teams", empty: "No teams yet. A team gives its users a shared budget, limits and a margin." }),
  );
  const make = h("button.primary", { type: "button", onclick: async () => (await putTeam(null)) && list.reload() }, "Create team");
  view.draw(head("Teams", make), list.element);
}

function teamColumns(list) {
  return [
    { name: "Team", cell: (row) => row.id },
    { name: "Name", cell: (row) => known(row.name) },
    { name: "Set", wide: true, cell: (row) => known(words(row.settings)) },
    { name: "Created", cell: (row) => when(row.created_at) },
    { name: "", class: "buttons", cell: (row) => [
      h("span.small", null, link(`/users?team=${encodeURIComponent(row.id)}`, "Users"), "  "),
      h("button.small", { type: "button", "aria-label": `Edit ${row.id}`, onclick: async () => (await putTeam(row)) && list.reload() }, "Edit"),
    ] },
  ];
}

function putTeam(row) {
  const settings = row?.settings ?? {};
  const fields = [
    ...(row ? [] : [field("id", "Team", { required: true, hint: "An id: it cannot be changed." })]),
    field("name", "Name", { value: row?.name ?? "" }),
    ...fieldsOf(settings),
    field("margin", "Margin in per cent", { kind: "number", value: Number(settings.margin ?? 0) * 100, hint: "Added to the cost of its requests; negative for a discount." }),
  ];
  return form(row ? `Edit ${row.id}` : "Create team", "Save", fields, (values) => ask(`/admin${path("teams", row?.id ?? values.id)}`, { method: "PUT", body: {
    name: values.name,
    settings: { ...settingsOf(values, settings), margin: String(Number(((values.margin ?? 0) / 100).toPrecision(9))) },
  } }));
}
