// Tools, schemas, images and reasoning with the AI SDK through `openai.chat(...)`, to each provider behind
// the gateway. node ai_sdk_tour.mjs BASE_URL KEY. Fails by an exception.

import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateText } from "ai";
import { z } from "zod";
import { pictured, streamed, toEach, tools, whole } from "./ai_sdk_parts.mjs";

const [baseURL, apiKey] = process.argv.slice(2);
const openai = createOpenAI({ baseURL, apiKey });
const ask = (name, fields) => ({ model: openai.chat(name), maxRetries: 0, ...fields });

async function forced(ask, name) {
  const { toolCalls } = await generateText(
    ask(name, { prompt: "hello", tools: tools([]), toolChoice: { type: "tool", toolName: "get_forecast" } }),
  );
  assert.equal(toolCalls[0].toolName, "get_forecast");
}

async function schema(ask, name) {
  const output = Output.object({ schema: z.object({ name: z.string(), tags: z.array(z.string()) }) });
  const result = await generateText(ask(name, { prompt: "say: Ada", output }));
  assert.equal(result.output.name, "Ada");
}

async function images(ask, name) {
  // As the simulator counts an image.
  assert.ok((await pictured(ask, name)).inputTokens > 85);
}

async function reasoning() {
  const providerOptions = { openai: { reasoningEffort: "low", forceReasoning: true } };
  const { usage } = await generateText(ask("openai/gpt-5-mini", { prompt: "say: hm", providerOptions }));
  assert.ok(usage.outputTokens > 1);
}

await toEach(ask, [whole, streamed, forced, schema, images]);
await reasoning();
