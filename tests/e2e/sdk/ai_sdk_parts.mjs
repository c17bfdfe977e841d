// What the AI SDK does alike through each of its providers: tools by itself, whole and streamed.

import assert from "node:assert/strict";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

export const MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"];
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const CITY = 'Köln "é"';

export function tools(seen) {
  const execute = async ({ city }) => (seen.push(city), { degrees: 12 });
  const inputSchema = z.object({ city: z.string() });
  return {
    get_weather: tool({ description: "The weather of a city", inputSchema, execute }),
    get_forecast: tool({ description: "The weather of a city tomorrow", inputSchema, execute }),
  };
}

// Calls, their results, and words after them, all by the SDK.
export async function whole(ask, name) {
  const seen = [];
  const prompt = `The weather, both of it. say: ${CITY}`;
  const { text, steps } = await generateText(ask(name, { prompt, tools: tools(seen), stopWhen: stepCountIs(3) }));
  assert.deepEqual(seen, [CITY, CITY]);
  assert.equal(steps[0].finishReason, "tool-calls");
  assert.ok(text);
}

export async function streamed(ask, name) {
  const seen = [];
  const prompt = `What is the weather? say: ${CITY}`;
  const result = streamText(ask(name, { prompt, tools: tools(seen), stopWhen: stepCountIs(3), onError: ({ error }) => { throw error; } }));
  let text = "";
  for await (const piece of result.textStream) text += piece;
  assert.deepEqual(seen, [CITY]);
  assert.ok(text);
  assert.ok((await result.totalUsage).outputTokens > 0);
}

// Tells what the picture came to.
export async function pictured(ask, name) {
  const content = [{ type: "text", text: "say: a pixel" }, { type: "file", data: PNG, mediaType: "image/png" }];
  const { text, usage } = await generateText(ask(name, { messages: [{ role: "user", content }] }));
  assert.equal(text, "a pixel");
  return usage;
}

export async function toEach(ask, parts) {
  for (const name of MODELS) {
    for (const part of parts) {
      await part(ask, name).catch((cause) => {
        throw new Error(`${part.name} to ${name}`, { cause });
      });
    }
  }
}
