/** The dashboard: who looks, which pages there are, and which of them is shown. Start reading here. */

import { ask, openSession, session } from "./api.js";
import { fill, h, s } from "./dom.js";
import { every } from "./live.js";
import { head, note, trouble } from "./parts.js";
import { go, isUsed, onPlace } from "./places.js";
import * as account from "./pages/account.js";
import * as configuration from "./pages/configuration.js";
import * as keys from "./pages/keys.js";
import * as models from "./pages/models.js";
import * as overview from "./pages/overview.js";
import * as people from "./pages/people.js";
import * as playground from "./pages/playground.js";
import * as providers from "./pages/providers.js";
import * as refusals from "./pages/refusals.js";
import * as request from "./pages/request.js";
import * as requests from "./pages/requests.js";
import * as sessions from "./pages/sessions.js";
import * as wallets from "./pages/wallets.js";

const admin = () => session.admin;
const owner = () => session.signed_in && !session.admin;

/** The pages: where they are, what draws them, and in which group of the navigation for whom. */
const PAGES = [
  { at: "", show: overview.show, name: "Overview", group: "Observe" },
  { at: "requests", store: true, show: requests.show, name: "Requests", group: "Observe" },
  { at: "requests/*", store: true, show: request.show, under: "requests" },
  { at: "refusals", store: true, show: refusals.show, under: "requests" },
  { at: "sessions", store: true, show: sessions.show, name: "Sessions", group: "Observe" },
  { at: "sessions/*", store: true, show: sessions.showOne, under: "sessions" },
  { at: "models", show: models.show, name: "Models", group: "Observe" },
  { at: "providers", show: providers.show, name: "Providers", group: "Observe" },
  { at: "playground", show: playground.show, name: "Playground", group: "Try" },
  { at: "keys", store: true, show: keys.show, name: "Keys", group: "Manage", if: admin },
  { at: "users", store: true, show: people.showUsers, name: "Users", group: "Manage", if: admin },
  { at: "teams", store: true, show: people.showTeams, name: "Teams", group: "Manage", if: admin },
  { at: "wallets", store: true, show: wallets.show, name: "Wallets", group: "Manage", if: admin },
  { at: "wallets/*", store: true, show: wallets.showOne, under: "wallets", if: admin },
  { at: "configuration", show: configuration.show, name: "Configuration", group: "Manage", if: admin },
  { at: "account", show: account.show, name: "Account", group: "Mine", if: owner },
];

const allowed = () => PAGES.filter((one) => !one.if || one.if());
const main = h("main", { id: "main", tabindex: -1 });
let leaving = new AbortController();

async function start() {
  try {
    await openSession();
  } catch (error) {
    fill(document.body, trouble(error));
    return;
  }
  fill(document.body, h("a.skip", { href: "#main" }, "Skip to the contents"), navigation(), h("div.page", null, banner(), main));
  onPlace(show);
  document.addEventListener("click", follow);
  document.addEventListener("keydown", shortcut);
  show(true);
}

function follow(event) {
  const target = event.target.closest?.("a[href^='/ui']");
  if (!target || target.target || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  document.body.classList.remove("menu");
  go(target.getAttribute("href").slice(3) || "/");
}

/** `/` leads to the search of a page. */
function shortcut(event) {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, dialog")) return;
  const search = main.querySelector("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select?.();
}

async function show(moved) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [, place = ""] = /^\/ui\/?(.*?)\/?$/.exec(location.pathname) ?? [];
  const found = pageAt(place);
  mark(found?.page);
  if (!found) {
    fill(main, head("Nothing here"), h("p", null, "There is no such page, or it is not for you."));
    return;
  }
  if (found.page.store && !session.gateway.store) {
    const words = "This gateway has no store: requests, sessions and accounts are kept once there is one, set with [store] url or TIDEGATE_STORE_URL.";
    fill(main, head(found.page.name ?? "Not available"), note(words));
    return;
  }
  const view = {
    main,
    signal,
    query: new URLSearchParams(location.search),
    argument: found.argument,
    ask: (path, options) => ask(path, { ...options, signal }),
    every: (ms, look) => every(ms, look, signal),
    draw: (...children) => !signal.aborted && fill(main, ...children),
    redraw: (...children) => !signal.aborted && !isUsed(main) && fill(main, ...children),
  };
  if (moved) scrollTo(0, 0);
  try {
    await found.page.show(view);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    fill(main, head(found.page.name ?? "Not available"), trouble(error));
    if (!error.status) console.error(error);
  }
  if (signal.aborted) return;
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? found.page.name} · ${session.gateway.title}`;
  if (moved && !main.contains(document.activeElement)) heading?.focus({ preventScroll: true });
}

function pageAt(place) {
  for (const page of allowed()) {
    if (page.at === place) return { page };
    if (page.at.endsWith("/*") && place.startsWith(page.at.slice(0, -1))) {
      try {
        return { page, argument: decodeURIComponent(place.slice(page.at.length - 1)) };
      } catch {
        return null; // not a path that the dashboard has made
      }
    }
  }
  return null;
}

function mark(page) {
  const at = page?.under ?? page?.at;
  for (const one of document.querySelectorAll("nav a")) {
    if (one.dataset.at === at) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
}

function navigation() {
  const groups = Map.groupBy ? Map.groupBy(named(), (one) => one.group) : grouped(named());
  const lists = [...groups].map(([name, pages]) =>
    h("div.group", null, h("h2", name), h("ul", null, ...pages.map((one) => h("li", null, h("a", { href: `/ui${one.at && `/${one.at}`}`, "data-at": one.at }, one.name))))));
  const button = h("button.menu.plain", {
    type: "button",
    "aria-label": "Menu",
    onclick: () => document.body.classList.toggle("menu"),
  }, "☰");
  return h("nav", { "aria-label": "Dashboard" },
    h("div.brand", null, button, h("a", { href: "/ui", "data-at": "brand" }, logo(), h("span", session.gateway.title))),
    h("div.groups", null, ...lists, h("div.foot", null, themes(), who())));
}

function named() {
  return allowed().filter((one) => one.name);
}

function grouped(pages) {
  const groups = new Map();
  for (const page of pages) groups.set(page.group, [...(groups.get(page.group) ?? []), page]);
  return groups;
}

function logo() {
  return s("svg.logo", { viewBox: "0 0 32 32", "aria-hidden": "true" },
    s("path.gate", { d: "M9 26V10a7 7 0 0 1 14 0v16" }), s("path.tide", { d: "M4 21q4-4 8 0t8 0 8 0" }));
}

function who() {
  if (!session.signed_in) return h("p.small.quiet", null, `Version ${session.gateway.version}`);
  const leave = async () => {
    await ask("/ui/session", { method: "DELETE" });
    location.assign("/ui");
  };
  return h("div.who", null,
    h("div", null, h("strong", session.name ?? session.user), h("span.small.quiet", session.admin ? "administrator" : session.user ? `user ${session.user}` : "client key")),
    h("button.small", { type: "button", onclick: leave }, "Sign out"));
}

function themes() {
  const root = document.documentElement;
  const words = { "": "System", light: "Light", dark: "Dark" };
  const list = h("select", {
    "aria-label": "Colours",
    onchange: () => {
      if (list.value) root.dataset.theme = list.value;
      else delete root.dataset.theme;
      try {
        if (list.value) localStorage.setItem("tidegate-theme", list.value);
        else localStorage.removeItem("tidegate-theme");
      } catch {
        // it holds for this page then
      }
    },
  }, ...Object.entries(words).map(([value, text]) => h("option", { value, selected: value === (root.dataset.theme ?? "") }, text)));
  return h("label.theme.small.quiet", null, "Colours ", list);
}

function banner() {
  if (!session.viewer) return null;
  return h("p.banner", null,
    "This gateway is open to this machine and has no administrator. You see figures, lists and the playground; " +
    "contents of requests, keys and wallets need an admin key (TIDEGATE_ADMIN_KEYS).");
}

start();
