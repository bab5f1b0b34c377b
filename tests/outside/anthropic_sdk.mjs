// The official Node SDK of Anthropic against a gateway: node anthropic_sdk.mjs BASE_URL KIND…
// Prints one JSON object: for each kind of provider what each case gave.
import Anthropic, { APIError } from '@anthropic-ai/sdk';

const [base, ...kinds] = process.argv.slice(2);
const client = new Anthropic({ baseURL: base, apiKey: 'none', maxRetries: 0 });

const GAUGE = {
  name: 'read_gauge',
  input_schema: { type: 'object', properties: { station: { type: 'string' } }, required: ['station'] },
};
const ask = (kind, name) => ({
  model: `${kind}/m-${name}`,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'How high is the tide?' }],
});
const FINISHES = { end_turn: 'stop', tool_use: 'tool_calls' };
const finish = (message) => FINISHES[message.stop_reason];
const total = ({ usage }) => usage.input_tokens + usage.output_tokens;

const cases = {
  async text(kind) {
    const message = await client.messages.create(ask(kind, 'text'));
    return [message.content[0].text, finish(message), total(message)];
  },
  async stream(kind) {
    const stream = client.messages.stream(ask(kind, 'stream'));
    let text = '';
    stream.on('text', (piece) => (text += piece));
    const message = await stream.finalMessage();
    return [text, finish(message), total(message)];
  },
  async tool(kind) {
    const question = { ...ask(kind, 'tool'), tools: [GAUGE] };
    const first = await client.messages.create(question);
    const [call] = first.content;
    const result = { type: 'tool_result', tool_use_id: call.id, content: '12.5 metres' };
    question.messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: [result] });
    const second = await client.messages.create(question);
    return [finish(first), call.name, call.input, second.content[0].text];
  },
  async streamed_tool(kind) {
    const question = { ...ask(kind, 'streamed-call'), tools: [GAUGE] };
    const message = await client.messages.stream(question).finalMessage();
    const [call] = message.content;
    return [message.role, finish(message), call.name, call.input];
  },
  async errors(kind) {
    const caught = [];
    for (const status of [400, 401, 404, 429, 500]) {
      try {
        await client.messages.create(ask(kind, `error-${status}`));
      } catch (error) {
        caught.push([error.status, error.constructor.name, error.message.includes(`simulated ${status}`)]);
      }
    }
    return caught;
  },
  async broken_stream(kind) {
    let text = '';
    try {
      const stream = client.messages.stream(ask(kind, 'broken'));
      stream.on('text', (piece) => (text += piece));
      await stream.finalMessage();
    } catch (error) {
      return [text, error instanceof APIError, error.message.includes('it burns')];
    }
  },
};

const results = {};
for (const kind of kinds) {
  results[kind] = {};
  for (const [name, run] of Object.entries(cases))
    results[kind][name] = await run(kind).catch((error) => `${error}`);
}
console.log(JSON.stringify(results));
