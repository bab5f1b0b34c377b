/** Numbers and times as people read them. What is not known is a dash, never a zero. */

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en");

/** An amount in USD: $0.0123, $12.34, $1,234. */
export function usd(value) {
  if (value === null || value === undefined) return UNKNOWN;
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "$0";
  if (size >= 1000) return `${sign}$${whole.format(Math.round(size))}`;
  if (size >= 1) return `${sign}$${size.toFixed(2)}`;
  if (size >= 0.001) return `${sign}$${size.toFixed(4)}`;
  return `${sign}$${size.toFixed(Math.min(9, 1 - Math.floor(Math.log10(size))))}`;
}

/** An amount in USD with all its digits, for money that is owned. */
export function money(value) {
  if (value === null || value === undefined) return UNKNOWN;
  const digits = Math.max(2, (String(value).split(".")[1] ?? "").length);
  const text = Math.abs(value).toLocaleString("en", {
    minimumFractionDigits: 2,
    maximumFractionDigits: Math.min(9, digits),
  });
  return `${value < 0 ? "−" : ""}$${text}`;
}

/** A duration given in milliseconds: 840 ms, 1.2 s, 2 min 5 s, 3 h 20 min. */
export function duration(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  if (ms < 1) return ms === 0 ? "0" : `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const total = Math.round(seconds);
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`;
  if (total < 86400) return `${Math.floor(total / 3600)} h ${Math.floor((total % 3600) / 60)} min`;
  return `${Math.floor(total / 86400)} d ${Math.floor((total % 86400) / 3600)} h`;
}

/** A number of things: 950, 12.3k, 4.56M. */
export function count(value) {
  if (value === null || value === undefined) return UNKNOWN;
  const size = Math.abs(value);
  if (size < 1000) return String(Number.isInteger(value) ? value : Number(value.toFixed(2)));
  const [unit, by] = size < 1e6 ? ["k", 1e3] : size < 1e9 ? ["M", 1e6] : ["G", 1e9];
  return `${Number((value / by).toPrecision(3))}${unit}`;
}

/** A number with all its digits: 12,345. */
export function exact(value) {
  return value === null || value === undefined ? UNKNOWN : whole.format(value);
}

/** A share between 0 and 1: 12.3 %. */
export function share(value) {
  if (value === null || value === undefined) return UNKNOWN;
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 99.9) return `${percent.toFixed(2)} %`;
  return `${percent < 0.1 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

/** An amount in USD for an axis, without zeros at its end. */
export function usdShort(value) {
  return usd(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** A duration for an axis: 500 ms, 2.5 s, 100 s, 10 min. */
export function durationShort(ms) {
  if (ms === 0) return "0";
  if (ms < 1000) return `${Number(ms.toPrecision(3))} ms`;
  return ms < 300_000 ? `${Number((ms / 1000).toPrecision(3))} s` : `${Number((ms / 60_000).toPrecision(3))} min`;
}

/** A share for an axis. */
export function shareShort(value) {
  return `${Number((value * 100).toPrecision(3))} %`;
}

/** Tokens per second. */
export function rate(value) {
  return value === null || value === undefined ? UNKNOWN : `${count(Number(value.toPrecision(3)))}/s`;
}

/** Bytes: 312 B, 4.2 kB. */
export function bytes(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return value < 1000 ? `${value} B` : value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** A moment: the time of today, else with its date. */
export function moment(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  const date = new Date(ms);
  const clock = date.toLocaleTimeString("en-GB");
  return date.toDateString() === new Date().toDateString() ? clock : `${day(ms)} ${clock}`;
}

/** A day: 29 Nov, with the year if it is another one. */
export function day(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  const date = new Date(ms);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year });
}

/** A moment with its date, in full, for titles. */
export function full(ms) {
  return ms === null || ms === undefined ? "" : new Date(ms).toISOString().replace("T", " ");
}

/** The number that some answers have as a count and others as parts. */
export function sum(tokens, ...classes) {
  if (!tokens) return null;
  const known = classes.map((name) => tokens[name]).filter((value) => typeof value === "number");
  return known.length ? known.reduce((a, b) => a + b, 0) : null;
}
