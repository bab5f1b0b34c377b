// The official Node SDK of OpenAI against a gateway: node openai_sdk.mjs BASE_URL KIND…
// Prints one JSON object: for each kind of provider what each case gave.
import OpenAI, * as sdk from 'openai';

const [base, ...kinds] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });

const GAUGE = {
  type: 'function',
  function: {
    name: 'read_gauge',
    parameters: { type: 'object', properties: { station: { type: 'string' } }, required: ['station'] },
  },
};
const ask = (kind, name) => ({
  model: `${kind}/m-${name}`,
  messages: [{ role: 'user', content: 'How high is the tide?' }],
});

const cases = {
  async text(kind) {
    const answer = await client.chat.completions.create(ask(kind, 'text'));
    const [choice] = answer.choices;
    return [choice.message.content, choice.finish_reason, answer.usage.total_tokens];
  },
  async stream(kind) {
    const options = { stream: true, stream_options: { include_usage: true } };
    let text = '';
    let finish, usage;
    for await (const chunk of await client.chat.completions.create({ ...ask(kind, 'stream'), ...options })) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    return [text, finish, usage.total_tokens];
  },
  async tool(kind) {
    const question = { ...ask(kind, 'tool'), tools: [GAUGE] };
    const first = (await client.chat.completions.create(question)).choices[0];
    const [call] = first.message.tool_calls;
    const result = { role: 'tool', tool_call_id: call.id, content: '12.5 metres' };
    question.messages.push(first.message, result);
    const second = (await client.chat.completions.create(question)).choices[0];
    return [first.finish_reason, call.function.name, JSON.parse(call.function.arguments), second.message.content];
  },
  async streamed_tool(kind) {
    const stream = client.chat.completions.stream({ ...ask(kind, 'streamed-call'), tools: [GAUGE] });
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
    const [call] = message.tool_calls;
    return [message.role, finish_reason, call.function.name, JSON.parse(call.function.arguments)];
  },
  async errors(kind) {
    const caught = [];
    for (const status of [400, 401, 404, 429, 500]) {
      try {
        await client.chat.completions.create(ask(kind, `error-${status}`));
      } catch (error) {
        caught.push([error.status, error.constructor.name, error.message.includes(`simulated ${status}`)]);
      }
    }
    return caught;
  },
  async broken_stream(kind) {
    let text = '';
    try {
      for await (const chunk of await client.chat.completions.create({ ...ask(kind, 'broken'), stream: true }))
        text += chunk.choices[0]?.delta.content ?? '';
    } catch (error) {
      return [text, error instanceof sdk.APIError, error.message.includes('it burns')];
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
