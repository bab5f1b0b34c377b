// The AI SDK's default provider for OpenAI (the Responses API) against a gateway: node ai_sdk.mjs BASE_URL MODEL
// Prints one JSON object: the texts of two turns, the tool called in the first.
import { createOpenAI } from '@ai-sdk/openai';
import { jsonSchema, stepCountIs, streamText, tool } from 'ai';

const [base, model] = process.argv.slice(2);
const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' });
const called = [];
const tools = {
  mcp__tide__read_gauge: tool({
    description: 'Reads a tide gauge.',
    inputSchema: jsonSchema({ type: 'object', properties: { station: { type: 'string' } } }),
    execute: async ({ station }) => {
      called.push(station);
      return `The gauge of ${station} reads 12.5 metres.`;
    },
  }),
};

const onError = ({ error }) => {
  throw error;
};
const messages = [];
const texts = [];
for (const content of ['Read the gauge now.', 'Read the gauge now, please.']) {
  messages.push({ role: 'user', content });
  const answer = streamText({
    ...{ model: openai(model), tools, messages, stopWhen: stepCountIs(4), maxRetries: 0, onError },
  });
  texts.push(await answer.text);
  // Until version 6 the messages were part of the response.
  messages.push(...((await answer.responseMessages) ?? (await answer.response).messages));
}
console.log(JSON.stringify({ texts, called }));
