/**
 * Requests to the gateway. A page asks once; whoever leaves it takes back what it has asked.
 */

/** Who looks at the page, as `/ui/session` reports it; set before anything is drawn. */
export let session = null;

/** Asks who looks at the page. */
export async function openSession() {
  session = await ask("/ui/session");
  return session;
}

/** Whether all of the gateway is shown, instead of the caller's own part of it. */
export function seesAll() {
  return Boolean(session.admin || session.viewer);
}

/** Where the figures and requests that the caller may see are. */
export function figuresAt(path) {
  return (seesAll() ? "/admin" : "/v1/me") + path;
}

/** An answer that is an error. */
export class Refused extends Error {
  constructor(status, message, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Sends a request, with what shows that this page sends it. The answer may be an error. */
export async function send(path, { method = "GET", body, headers = {}, signal } = {}) {
  const all = { ...headers };
  if (method !== "GET" && session?.csrf) all["x-tidegate-csrf"] = session.csrf;
  if (body !== undefined) all["content-type"] = "application/json";
  return fetch(path, {
    method,
    headers: all,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
    credentials: "same-origin",
    cache: "no-store",
  });
}

/** Asks for JSON. Throws `Refused` for an answer that is an error. */
export async function ask(path, options) {
  let answer;
  try {
    answer = await send(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the gateway cannot be reached");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/** The error that an answer is. A sign-in that has ended leads back to where it began. */
export async function refusal(answer) {
  if (answer.status === 401 && session?.signed_in) location.reload();
  let error = {};
  try {
    error = (await answer.json()).error ?? {};
  } catch {
    // not JSON: the status has to do
  }
  return new Refused(answer.status, error.message ?? `the gateway answered with ${answer.status}`, error.code);
}

/** A path with a query; what is empty or unknown is left out. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Saves all pages of a list as one CSV file. */
export async function saveCSV(path, name, signal) {
  const parts = [];
  let next = withQuery(path, { limit: 1000 });
  while (next) {
    const answer = await send(next, { headers: { accept: "text/csv" }, signal });
    if (!answer.ok) throw await refusal(answer);
    const text = await answer.text();
    parts.push(parts.length ? text.slice(text.indexOf("\n") + 1) : text);
    next = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  save(new Blob(parts, { type: "text/csv" }), name);
}

/** Lets the browser save a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
