/** Limits, budgets and permissions of keys, users and teams: fields of forms, and words for tables. */

import { field } from "../dialog.js";
import { count, day, usd } from "../format.js";

const NANO = 1e9;

/** Fields for settings; `extra` are those that only one kind has. */
export function fieldsOf(settings = {}) {
  const limits = settings.limits ?? {};
  const budget = settings.budgets?.[0];
  return [
    field("rpm", "Requests per minute", { kind: "number", value: limits.requests_per_minute ?? "", min: 1, step: 1 }),
    field("tpm", "Tokens per minute", { kind: "number", value: limits.tokens_per_minute ?? "", min: 1, step: 1 }),
    field("concurrent", "Requests at the same time", { kind: "number", value: limits.concurrent ?? "", min: 1, step: 1 }),
    field("budget", "Budget in USD", { kind: "number", value: budget ? budget.amount / NANO : "", min: 0 }),
    field("period", "Budget for each", { kind: "choice", value: budget?.period ?? "month", choices: [["month", "month"], ["day", "day"]] }),
    field("models", "Models", { kind: "lines", value: settings.models ?? [], hint: "Names or patterns such as gpt-*, one a line; none: all." }),
    field("providers", "Providers", { kind: "lines", value: settings.providers ?? [], hint: "One a line; none: all." }),
  ];
}

/** The settings that a form's values are; what the form does not show stays as it was. */
export function settingsOf(values, before = {}) {
  const limits = { requests_per_minute: values.rpm, tokens_per_minute: values.tpm, concurrent: values.concurrent };
  const { budgets = [] } = before;
  const first = values.budget === null ? [] : [{ ...budgets[0], amount: Math.round(values.budget * NANO), period: values.period }];
  return {
    ...before,
    limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null)),
    budgets: [...first, ...budgets.slice(1)],
    models: values.models,
    providers: values.providers,
  };
}

/** What is set, in a line. */
export function words(settings = {}) {
  const limits = settings.limits ?? {};
  return [
    limits.requests_per_minute && `${count(limits.requests_per_minute)} requests/min`,
    limits.tokens_per_minute && `${count(limits.tokens_per_minute)} tokens/min`,
    limits.concurrent && `${limits.concurrent} at a time`,
    ...(settings.budgets ?? []).map((one) => `${usd(one.amount / NANO)}/${one.period ?? "month"}${one.extra ? ` + ${usd(one.extra / NANO)} until ${day(one.extra_until)}` : ""}`),
    settings.models?.length && `models ${settings.models.join(", ")}`,
    settings.providers?.length && `providers ${settings.providers.join(", ")}`,
    settings.addresses?.length && `from ${settings.addresses.join(", ")}`,
    settings.margin && settings.margin !== "0" && `margin ${Number(settings.margin) * 100} %`,
    settings.wallet === false && "without a wallet",
  ].filter(Boolean).join(" · ");
}
