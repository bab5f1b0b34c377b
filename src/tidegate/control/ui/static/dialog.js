/** Dialogs: forms, questions, and what is shown once. Esc closes them. */

import { fill, h } from "./dom.js";

/**
 * Opens a dialog and resolves when it is closed. `draw(close)` returns its contents; `close(value)` ends it, and
 * the promise has the value (undefined where the dialog was dismissed).
 */
export function open(title, draw, { wide = false } = {}) {
  return new Promise((resolve) => {
    let result;
    const before = document.activeElement;
    const dialog = h(wide ? "dialog.wide" : "dialog", { "aria-labelledby": "dialog-title" });
    const close = (value) => {
      result = value;
      dialog.close();
    };
    dialog.append(
      h("header", null, h("h2", { id: "dialog-title" }, title), h("button.plain", { type: "button", "aria-label": "Close", onclick: () => close() }, "✕")),
      draw(close),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[autofocus], input, select, textarea")?.focus();
  });
}

/** Asks before something that cannot be undone. `act` does it; its failure is shown in the dialog. */
export function confirm(title, words, verb, act) {
  return open(title, (close) => {
    const problem = h("p.problem", { role: "alert" });
    const button = h("button.danger", {
      type: "button",
      autofocus: true,
      onclick: async () => {
        button.disabled = true;
        try {
          close((await act()) ?? true);
        } catch (error) {
          problem.textContent = error.message;
          button.disabled = false;
        }
      },
    }, verb);
    const cancel = h("button", { type: "button", onclick: () => close() }, "Cancel");
    return h("div.body", null, h("p", null, words), problem, h("div.actions", null, cancel, button));
  });
}

/**
 * A form. `fields` are made by `field`; `act(values)` is called with their values by name and may throw, which is
 * shown. Resolves with what `act` returns.
 */
export function form(title, verb, fields, act, intro = null) {
  return open(title, (close) => {
    const problem = h("p.problem", { role: "alert" });
    const button = h("button.primary", { type: "submit" }, verb);
    const submit = async (event) => {
      event.preventDefault();
      problem.textContent = "";
      button.disabled = true;
      try {
        const values = Object.fromEntries(fields.map((one) => [one.name, one.read()]));
        close((await act(values)) ?? true);
      } catch (error) {
        problem.textContent = error.message;
      } finally {
        button.disabled = false;
      }
    };
    const cancel = h("button", { type: "button", onclick: () => close() }, "Cancel");
    return h("form.body", { onsubmit: submit }, intro && h("p.quiet", null, intro), h("div.fields", null, ...fields.map((one) => one.row)), problem, h("div.actions", null, cancel, button));
  });
}

let count = 0;

/** A field of a form: `{name, row, read}`. `kind` is text, secret, number, date, choice, lines, check or area. */
export function field(name, label, { kind = "text", value = "", hint = null, required = false, choices = [], step, min, suggestions } = {}) {
  const id = `field-${++count}`;
  const shared = { id, name, required, "aria-describedby": hint ? `${id}-hint` : null };
  const control = controlOf(kind, shared, value, choices, { step, min });
  const extra = suggestions ? h("datalist", { id: `${id}-list` }, ...suggestions.map((one) => h("option", { value: one }))) : null;
  if (extra) control.setAttribute("list", `${id}-list`);
  const row = kind === "check"
    ? h("div.field.check", null, control, h("label", { for: id }, label), hint && h("p.hint", { id: `${id}-hint` }, hint))
    : h("div.field", null, h("label", { for: id }, label), control, extra, hint && h("p.hint", { id: `${id}-hint` }, hint));
  return { name, row, control, read: () => READ[kind](control) };
}

function controlOf(kind, shared, value, choices, limits) {
  if (kind === "choice") {
    const options = choices.map(([one, words]) => h("option", { value: one, selected: one === value }, words));
    return h("select", shared, ...options);
  }
  if (kind === "lines" || kind === "area") {
    return h("textarea", { ...shared, rows: kind === "lines" ? 2 : 5, spellcheck: "false", value: Array.isArray(value) ? value.join("\n") : value });
  }
  if (kind === "check") return h("input", { ...shared, type: "checkbox", checked: Boolean(value) });
  const type = { number: "number", date: "date", secret: "password" }[kind] ?? "text";
  return h("input", { ...shared, type, value: value ?? "", step: limits.step ?? (type === "number" ? "any" : null), min: limits.min, autocomplete: kind === "secret" ? "new-password" : "off", spellcheck: "false" });
}

const READ = {
  text: (control) => control.value.trim(),
  secret: (control) => control.value.trim(),
  area: (control) => control.value,
  choice: (control) => control.value,
  check: (control) => control.checked,
  number: (control) => (control.value === "" ? null : Number(control.value)),
  date: (control) => (control.value === "" ? null : new Date(`${control.value}T23:59:59`).getTime()),
  lines: (control) => control.value.split(/[\n,]/).map((one) => one.trim()).filter(Boolean),
};

/** A line at the bottom that says what has been done, for a moment. */
export function say(words) {
  let line = document.getElementById("said");
  if (!line) document.body.append((line = h("div", { id: "said", role: "status" })));
  fill(line, words);
  line.classList.add("shown");
  clearTimeout(line.timer);
  line.timer = setTimeout(() => line.classList.remove("shown"), 4000);
}

/** A button that copies a text. */
export function copyButton(text, words = "Copy") {
  return h("button.small", {
    type: "button",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        say("Copied.");
      } catch {
        say("This browser does not allow copying here: select the text and copy it.");
      }
    },
  }, words);
}
