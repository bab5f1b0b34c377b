/** One prompt to several models at the same time: what they say, how fast, and what it costs. */

import { refusal, send, session } from "../api.js";
import { copyButton, field, open } from "../dialog.js";
import { fill, h } from "../dom.js";
import { duration, exact, rate, usd } from "../format.js";
import { facts, head, link, note, path, state, tabs } from "../parts.js";

const MOST = 4;
/** What was written here last, for as long as the page is open. */
let kept = { models: [], system: "", prompt: "", temperature: null, most: null };

export async function show(view) {
  view.draw(head("Playground"));
  const listed = await view.ask("/v1/models");
  const names = listed.data.map((one) => one.id);
  if (!kept.models.length) kept.models = names.slice(0, Math.min(2, names.length));
  let running = null;

  const picked = h("div.picked");
  const system = field("system", "System prompt", { kind: "area", value: kept.system });
  const prompt = field("prompt", "Prompt", { kind: "area", value: kept.prompt, required: true });
  system.control.rows = 1;
  prompt.control.rows = 4;
  prompt.control.dataset.search = "";
  const temperature = field("temperature", "Temperature", { kind: "number", value: kept.temperature ?? "", step: 0.1, min: 0 });
  const most = field("most", "Max tokens", { kind: "number", value: kept.most ?? "", step: 1, min: 1 });
  const choose = h("input", {
    placeholder: names.length ? "Add a model…" : "Name a model…", "aria-label": "Add a model", list: "models", autocomplete: "off", spellcheck: "false",
    onchange: () => add(choose.value.trim()),
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      add(choose.value.trim());
    },
  });
  const run = h("button.primary", { type: "submit" }, "Run");
  const stop = h("button", { type: "button", hidden: true, onclick: () => running?.abort() }, "Stop");
  const answers = h("div.answers");

  function add(name) {
    choose.value = "";
    if (name && !kept.models.includes(name) && kept.models.length < MOST) kept.models.push(name);
    drawPicked();
  }
  function drawPicked() {
    fill(picked, ...kept.models.map((name) => h("span.chip", null, name, h("button", {
      type: "button", "aria-label": `Without ${name}`,
      onclick: () => {
        kept.models = kept.models.filter((one) => one !== name);
        drawPicked();
      },
    }, "✕"))), kept.models.length < MOST && choose);
  }
  function remember() {
    kept = { ...kept, system: system.read(), prompt: prompt.read(), temperature: temperature.read(), most: most.read() };
  }
  async function submit(event) {
    event.preventDefault();
    add(choose.value.trim());
    remember();
    if (running || !kept.models.length || !kept.prompt.trim()) return;
    running = new AbortController();
    view.signal.addEventListener("abort", () => running?.abort());
    run.disabled = true;
    stop.hidden = false;
    const columns = kept.models.map((model) => new Answer(model));
    fill(answers, ...columns.map((one) => one.element));
    await Promise.all(columns.map((one) => one.run(bodyFor(one.model), running.signal)));
    running = null;
    run.disabled = false;
    stop.hidden = true;
  }

  drawPicked();
  const form = h("form.panel.prompt", { onsubmit: submit, onkeydown: (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  } },
    h("div.field", null, h("label", "Models"), picked),
    h("datalist", { id: "models" }, ...names.map((one) => h("option", { value: one }))),
    system.row, prompt.row,
    h("div.row", null, temperature.row, most.row, h("div.actions", null, run, stop, h("button", { type: "button", onclick: () => {
      remember();
      exported();
    } }, "Export"), h("span.small.quiet", null, "Ctrl+Enter runs"))));
  view.draw(head("Playground"), session.admin && note("Requests of this page are real ones: they are recorded as yours, and providers charge for them."), form, answers);
}

function bodyFor(model) {
  const messages = [{ role: "user", content: kept.prompt }];
  if (kept.system.trim()) messages.unshift({ role: "system", content: kept.system });
  const body = { model, messages, stream: true, stream_options: { include_usage: true } };
  if (kept.temperature !== null) body.temperature = kept.temperature;
  if (kept.most !== null) body.max_tokens = kept.most;
  return body;
}

/** The answer of one model, as it arrives. */
class Answer {
  constructor(model) {
    this.model = model;
    this.text = document.createTextNode("");
    this.thoughts = document.createTextNode("");
    this.status = h("span");
    this.reasoning = h("details", { hidden: true }, h("summary", "Reasoning"), this.thoughts);
    this.place = h("div.text", { "aria-live": "polite", "aria-busy": "true" }, this.text);
    this.figures = h("div");
    this.element = h("article.answer.panel", { "aria-label": model }, h("h3", null, h("span", model), this.status), this.reasoning, this.place, this.figures);
  }

  async run(body, signal) {
    this.began = performance.now();
    this.first = null;
    this.usage = null;
    this.say("busy", "waiting");
    try {
      const answer = await send("/v1/chat/completions", { method: "POST", body, signal });
      this.headers = answer.headers;
      if (!answer.ok) throw await refusal(answer);
      await this.read(answer.body);
      this.say("good", "complete");
    } catch (error) {
      if (error.name === "AbortError") this.say("warn", "stopped");
      else {
        this.say("bad", "failed");
        this.element.insertBefore(h("p.problem.text", { role: "alert" }, error.message), this.figures);
        this.place.hidden = !this.text.data;
      }
    } finally {
      this.total = performance.now() - this.began;
      this.place.setAttribute("aria-busy", "false");
      this.show();
    }
  }

  /** Reads server-sent events. */
  async read(stream) {
    const decoder = new TextDecoder();
    const reader = stream.getReader();
    let waiting = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      waiting += decoder.decode(value, { stream: true });
      const lines = waiting.split("\n");
      waiting = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data: ") && !line.includes("[DONE]")) this.take(JSON.parse(line.slice(6)));
      }
    }
  }

  take(chunk) {
    if (chunk.error) throw new Error(chunk.error.message ?? "the stream broke");
    if (chunk.usage) this.usage = chunk.usage;
    const delta = chunk.choices?.[0]?.delta ?? {};
    const thought = delta.reasoning_content ?? delta.reasoning;
    if ((delta.content || thought) && this.first === null) {
      this.first = performance.now() - this.began;
      this.say("busy", "streaming");
      this.show();
    }
    if (thought) {
      this.reasoning.hidden = false;
      this.thoughts.appendData(thought);
    }
    if (delta.content) this.text.appendData(delta.content);
  }

  say(kind, words) {
    fill(this.status, state(kind, words));
  }

  show() {
    const usage = this.usage;
    const seconds = this.total && this.first !== null ? (this.total - this.first) / 1000 : null;
    const cost = usage?.cost ?? this.headers?.get("x-tidegate-cost-usd");
    const id = this.headers?.get("x-request-id");
    fill(this.figures, facts([
      ["First token", duration(this.first)],
      ["Total", duration(this.total ?? null)],
      ["Cost", cost === null || cost === undefined ? usd(null) : usd(Number(cost))],
      ["Input", usage ? `${exact(usage.prompt_tokens)} tokens` : "–"],
      ["Output", usage ? `${exact(usage.completion_tokens)} tokens` : "–"],
      ["Speed", usage && seconds > 0 ? rate(usage.completion_tokens / seconds) : "–"],
      this.headers?.get("x-tidegate-provider") && ["Provider", this.headers.get("x-tidegate-provider")],
      id && this.total && session.gateway.store && !session.viewer && ["Request", link(path("requests", id), "details")],
    ]));
  }
}

/** The same requests for a shell and for Python. */
function exported() {
  const base = `${location.origin}/v1`;
  const code = (words) => h("div", null, h("div.bodybar", null, h("span.quiet.small", null, "Reads the key from TIDEGATE_KEY."), copyButton(words)), h("pre.content", { tabindex: 0 }, words));
  return open("Export", () => h("div.body", null, tabs("Language", [
    ["curl", () => code(kept.models.map((model) => curl(base, bodyFor(model))).join("\n\n"))],
    ["Python", () => code(python(base))],
  ])), { wide: true });
}

function curl(base, body) {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl -N ${base}/chat/completions \\\n  -H "Authorization: Bearer $TIDEGATE_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${json}'`;
}

function python(base) {
  const { messages, temperature, max_tokens: most } = bodyFor(null);
  const lines = [
    "import os", "", "from openai import OpenAI", "",
    `client = OpenAI(base_url=${quoted(base)}, api_key=os.environ["TIDEGATE_KEY"])`,
    "messages = [", ...messages.map((one) => `    {"role": ${quoted(one.role)}, "content": ${quoted(one.content)}},`), "]", "",
    `for model in [${kept.models.map(quoted).join(", ")}]:`,
    "    stream = client.chat.completions.create(",
    "        model=model,", "        messages=messages,",
    ...(temperature === undefined ? [] : [`        temperature=${temperature},`]),
    ...(most === undefined ? [] : [`        max_tokens=${most},`]),
    "        stream=True,", "    )", "    for chunk in stream:",
    '        if chunk.choices and chunk.choices[0].delta.content:',
    '            print(chunk.choices[0].delta.content, end="", flush=True)', "    print()",
  ];
  return lines.join("\n");
}

/** A text as Python writes it: JSON's escapes are Python's too. */
function quoted(text) {
  return JSON.stringify(text);
}
