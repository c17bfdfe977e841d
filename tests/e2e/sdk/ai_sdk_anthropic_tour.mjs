// Text, streams, tools and images with the AI SDK through its Anthropic provider, to each provider behind the
// gateway. node ai_sdk_anthropic_tour.mjs BASE_URL KEY, the base URL with /v1. Fails by an exception.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, apiKey] = process.argv.slice(2);
const MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"];
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CITY = 'Köln "é"';
const anthropic = createAnthropic({ baseURL, apiKey });
const ask = (name, fields) => ({ model: anthropic(name), maxRetries: 0, ...fields });

function tools(seen) {
  const execute = async ({ city }) => (seen.push(city), { degrees: 12 });
  const inputSchema = z.object({ city: z.string() });
  return {
    get_weather: tool({ description: "The weather of a city", inputSchema, execute }),
    get_forecast: tool({ description: "The weather of a city tomorrow", inputSchema, execute }),
  };
}

// Calls, their results, and words after them, all by the SDK.
async function whole(name) {
  const seen = [];
  const prompt = `The weather, both of it. say: ${CITY}`;
  const { text, steps } = await generateText(ask(name, { prompt, tools: tools(seen), stopWhen: stepCountIs(3) }));
  assert.deepEqual(seen, [CITY, CITY]);
  assert.equal(steps[0].finishReason, "tool-calls");
  assert.ok(text);
}

async function streamed(name) {
  const seen = [];
  const prompt = `What is the weather? say: ${CITY}`;
  const result = streamText(ask(name, { prompt, tools: tools(seen), stopWhen: stepCountIs(3), onError: ({ error }) => { throw error; } }));
  let text = "";
  for await (const piece of result.textStream) text += piece;
  assert.deepEqual(seen, [CITY]);
  assert.ok(text);
  assert.ok((await result.totalUsage).outputTokens > 0);
}

async function images(name) {
  const content = [{ type: "text", text: "say: a pixel" }, { type: "file", data: PNG, mediaType: "image/png" }];
  const { text } = await generateText(ask(name, { messages: [{ role: "user", content }] }));
  assert.equal(text, "a pixel");
}

async function thinking() {
  const providerOptions = { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } };
  const seen = [];
  const prompt = `What is the weather? say: ${CITY}`;
  const { steps } = await generateText(ask(MODELS[0], { prompt, providerOptions, tools: tools(seen), stopWhen: stepCountIs(3) }));
  assert.ok(steps[0].reasoningText);
  assert.deepEqual(seen, [CITY]);
}

async function errors() {
  const error = await generateText(ask("gpt-99", { prompt: "hi" })).then(() => assert.fail("it was answered"), (error) => error);
  assert.ok(APICallError.isInstance(error), `${error}`);
  assert.equal(error.statusCode, 404);
  assert.equal(JSON.parse(error.responseBody).error.code, "model_not_found");
}

for (const name of MODELS) {
  for (const part of [whole, streamed, images]) {
    await part(name).catch((cause) => {
      throw new Error(`${part.name} to ${name}`, { cause });
    });
  }
}
await thinking();
await errors();
