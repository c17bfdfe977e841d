// Tools, schemas, images and reasoning with OpenAI's official SDK for JavaScript, to each provider behind
// the gateway. node openai_tour.mjs BASE_URL KEY. Fails by an exception.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, apiKey] = process.argv.slice(2);
const MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"];
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CITY = 'Köln "é"';
const completions = new OpenAI({ baseURL, apiKey, maxRetries: 0 }).chat.completions;

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = ["get_weather", "get_forecast"].map((name) => ({ type: "function", function: { name, parameters } }));
const user = (content) => ({ role: "user", content });

async function whole(model) {
  const asked = user(`The weather, both of it. say: ${CITY}`);
  const { choices: [{ finish_reason, message }] } = await completions.create({ model, tools, messages: [asked] });
  assert.equal(finish_reason, "tool_calls");
  assert.deepEqual(message.tool_calls.map((call) => call.function.name), ["get_weather", "get_forecast"]);
  for (const call of message.tool_calls) assert.deepEqual(JSON.parse(call.function.arguments), { city: CITY });
  const results = message.tool_calls.toReversed().map(({ id }) => ({ role: "tool", tool_call_id: id, content: "12" }));
  const after = await completions.create({ model, tools, messages: [asked, message, ...results] });
  assert.equal(after.choices[0].finish_reason, "stop");
  assert.ok(after.choices[0].message.content);
}

async function streamed(model) {
  const messages = [user(`What is the weather? say: ${CITY}`)];
  const runner = completions.stream({ model, tools, messages });
  const message = await runner.finalMessage();
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: CITY });
  assert.ok(message.tool_calls[0].id);
  let text = "";
  for await (const chunk of await completions.create({ model, messages: [user("say: é 😀")], stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  assert.equal(text, "é 😀");
}

// The helper that calls the tools itself, until there are words.
async function run(model) {
  const seen = [];
  const callable = tools.map((tool) => ({
    ...tool,
    function: { ...tool.function, parse: JSON.parse, function: ({ city }) => (seen.push(city), "12 degrees") },
  }));
  const runner = completions.runTools({ model, tools: callable, messages: [user(`What is the weather? say: ${CITY}`)] });
  assert.ok(await runner.finalContent());
  assert.deepEqual(seen, [CITY]);
}

async function schema(model) {
  const person = z.object({ name: z.string(), tags: z.array(z.string()) });
  const ask = { model, messages: [user("say: Ada")], response_format: zodResponseFormat(person, "person") };
  const { choices: [{ message }] } = await completions.parse(ask);
  assert.equal(message.parsed.name, "Ada");
}

async function images(model) {
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
  const answer = await completions.create({ model, messages: [user([{ type: "text", text: "say: a pixel" }, image])] });
  assert.equal(answer.choices[0].message.content, "a pixel");
  // As the simulator counts an image.
  assert.ok(answer.usage.prompt_tokens > 85);
}

async function reasoning() {
  const answer = await completions.create({ model: "openai/gpt-5-mini", reasoning_effort: "low", messages: [user("say: hm")] });
  assert.ok(answer.usage.completion_tokens_details.reasoning_tokens > 0);
}

async function refusals(model) {
  const mistake = completions.create({ model, messages: [user("hi")], functions: [{ name: "f", parameters }] });
  await assert.rejects(mistake, (error) => error instanceof OpenAI.BadRequestError && error.code === "unsupported");
}

for (const model of MODELS) {
  for (const part of [whole, streamed, run, schema, images, refusals]) {
    await part(model).catch((cause) => {
      throw new Error(`${part.name} to ${model}`, { cause });
    });
  }
}
await reasoning();
