/** The page for those who have not signed in. It stands alone: nothing else is served before. */

const SVG = "http://www.w3.org/2000/svg";

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

async function start() {
  const answer = await fetch("/ui/session", { cache: "no-store" });
  const session = answer.ok ? await answer.json() : null;
  // A link from another site brings no cookie with it; from here on it does.
  if (session?.signed_in || session?.viewer) return location.replace(location.href);
  draw(session?.gateway ?? { title: document.title });
}

function draw(gateway) {
  const key = make("input", {
    type: "password", id: "key", name: "key", required: "", autocomplete: "current-password", spellcheck: "false",
    "aria-describedby": "problem",
  });
  const problem = make("p", { id: "problem", class: "problem", role: "alert" });
  const button = make("button", { class: "primary", type: "submit" }, "Sign in");

  async function signIn(event) {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    const secret = key.value.trim();
    try {
      if (/[^\x21-\x7e]/.test(secret)) throw new Error("a key has letters, digits and signs of ASCII only");
      const answer = await fetch("/ui/session", { method: "POST", headers: { authorization: `Bearer ${secret}` } });
      if (answer.ok) return location.replace(location.href);
      const error = await answer.json().catch(() => ({}));
      throw new Error(error.error?.message ?? `the gateway answered with ${answer.status}`);
    } catch (error) {
      problem.textContent = error.message;
      key.select();
      key.focus();
    } finally {
      button.disabled = false;
    }
  }

  document.body.replaceChildren(
    make("main", { class: "sign-in" },
      make("form", { onsubmit: signIn, class: "panel" },
        logo(),
        make("h1", {}, gateway.title),
        make("p", { class: "quiet" }, "Sign in with an admin key to see everything, or with your own key or token to see what is yours."),
        make("input", { type: "text", name: "username", autocomplete: "username", value: "tidegate", hidden: "" }),
        make("label", { for: "key" }, "Key or token"),
        key, problem, button,
        make("p", { class: "small quiet" },
          "The key is not kept: this browser gets a session cookie of twelve hours instead.",
          gateway.open ? " This gateway answers API requests without a key; its dashboard does not, as it has an administrator or is reached from another machine." : ""),
      )));
  key.focus();
}

function logo() {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 32 32");
  drawing.setAttribute("class", "logo");
  drawing.setAttribute("aria-hidden", "true");
  for (const [d, kind] of [["M9 26V10a7 7 0 0 1 14 0v16", "gate"], ["M4 21q4-4 8 0t8 0 8 0", "tide"]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", kind);
    drawing.append(path);
  }
  return drawing;
}

start();
