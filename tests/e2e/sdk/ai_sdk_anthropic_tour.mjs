// Text, streams, tools and images with the AI SDK through its Anthropic provider, to each provider behind the
// gateway. node ai_sdk_anthropic_tour.mjs BASE_URL KEY, the base URL with /v1. Fails by an exception.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { APICallError, generateText, stepCountIs } from "ai";
import { CITY, MODELS, pictured, streamed, toEach, tools, whole } from "./ai_sdk_parts.mjs";

const [baseURL, apiKey] = process.argv.slice(2);
const anthropic = createAnthropic({ baseURL, apiKey });
const ask = (name, fields) => ({ model: anthropic(name), maxRetries: 0, ...fields });

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

await toEach(ask, [whole, streamed, pictured]);
await thinking();
await errors();
