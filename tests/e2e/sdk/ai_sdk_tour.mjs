// Tools, schemas, images and reasoning with the AI SDK through `openai.chat(...)`, to each provider behind
// the gateway. node ai_sdk_tour.mjs BASE_URL KEY. Fails by an exception.

import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, apiKey] = process.argv.slice(2);
const MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"];
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CITY = 'Köln "é"';
const openai = createOpenAI({ baseURL, apiKey });
const ask = (name, fields) => ({ model: openai.chat(name), maxRetries: 0, ...fields });

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

async function forced(name) {
  const { toolCalls } = await generateText(
    ask(name, { prompt: "hello", tools: tools([]), toolChoice: { type: "tool", toolName: "get_forecast" } }),
  );
  assert.equal(toolCalls[0].toolName, "get_forecast");
}

async function schema(name) {
  const output = Output.object({ schema: z.object({ name: z.string(), tags: z.array(z.string()) }) });
  const result = await generateText(ask(name, { prompt: "say: Ada", output }));
  assert.equal(result.output.name, "Ada");
}

async function images(name) {
  const content = [{ type: "text", text: "say: a pixel" }, { type: "file", data: PNG, mediaType: "image/png" }];
  const { text, usage } = await generateText(ask(name, { messages: [{ role: "user", content }] }));
  assert.equal(text, "a pixel");
  // As the simulator counts an image.
  assert.ok(usage.inputTokens > 85);
}

async function reasoning() {
  const providerOptions = { openai: { reasoningEffort: "low", forceReasoning: true } };
  const { usage } = await generateText(ask("openai/gpt-5-mini", { prompt: "say: hm", providerOptions }));
  assert.ok(usage.outputTokens > 1);
}

for (const name of MODELS) {
  for (const part of [whole, streamed, forced, schema, images]) {
    await part(name).catch((cause) => {
      throw new Error(`${part.name} to ${name}`, { cause });
    });
  }
}
await reasoning();
