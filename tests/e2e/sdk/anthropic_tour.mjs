// A tour of the gateway with Anthropic's official SDK for JavaScript, to each provider; its own exception classes
// where something is wrong. node anthropic_tour.mjs BASE_URL KEY. Fails by an exception.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, apiKey] = process.argv.slice(2);
const MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"];
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CITY = 'Köln "é"';
const HARD = 'He said "hi" \\n é 😀 <b>';
const { messages } = new Anthropic({ baseURL, apiKey, authToken: null, maxRetries: 0 });

const input_schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = ["get_weather", "get_forecast"].map((name) => ({ name, description: "The weather of a city.", input_schema }));
const user = (content) => ({ role: "user", content });
const ask = (model, talk, fields) => ({ model, max_tokens: 4096, messages: talk, ...fields });

async function whole(model) {
  const system = [{ type: "text", text: "be brief", cache_control: { type: "ephemeral" } }];
  const answer = await messages.create(ask(model, [user(`say: ${HARD}`)], { system }));
  assert.equal(answer.content.at(-1).text, HARD);
  assert.equal(answer.stop_reason, "end_turn");
  assert.equal(answer.id, `msg_${answer._request_id.replaceAll("-", "")}`);
}

async function streamed(model) {
  const stream = messages.stream(ask(model, [user(`say: ${HARD}`)]));
  let text = "";
  stream.on("text", (piece) => { text += piece; });
  const message = await stream.finalMessage();
  assert.equal(text, HARD);
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
}

async function called(model) {
  const asked = user(`The weather, both of it. say: ${CITY}`);
  for (const made of [
    await messages.create(ask(model, [asked], { tools })),
    await messages.stream(ask(model, [asked], { tools })).finalMessage(),
  ]) {
    assert.equal(made.stop_reason, "tool_use");
    const calls = made.content.filter((block) => block.type === "tool_use");
    assert.deepEqual(calls.map((call) => [call.name, call.input]), tools.map(({ name }) => [name, { city: CITY }]));
    const results = calls.toReversed().map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: "12 degrees" }));
    const talk = [asked, { role: "assistant", content: made.content }, user([...results, { type: "text", text: "say: done" }])];
    const after = await messages.create(ask(model, talk, { tools }));
    assert.equal(after.content.at(-1).text, "done");
  }
}

async function images(model) {
  const source = { type: "base64", media_type: "image/png", data: PNG };
  const answer = await messages.create(ask(model, [user([{ type: "image", source }, { type: "text", text: "say: a pixel" }])]));
  assert.equal(answer.content.at(-1).text, "a pixel");
}

async function counted(model) {
  const { input_tokens } = await messages.countTokens({ model, messages: [user("hi")], tools });
  assert.ok(input_tokens > 0);
}

async function errors() {
  const hi = [user("hi")];
  const refused = async (kind, code, call) => {
    const error = await call().then(() => assert.fail("it was answered"), (error) => error);
    assert.equal(error.constructor, kind, `${error}`);
    assert.equal(error.error.error.code, code);
    assert.equal(error.requestID, error.error.request_id);
  };
  const nobody = new Anthropic({ baseURL, apiKey: "a-key-of-nobody", authToken: null, maxRetries: 0 });
  await refused(Anthropic.AuthenticationError, "invalid_api_key", () => nobody.messages.create(ask("gpt-4o", hi)));
  await refused(Anthropic.BadRequestError, "invalid_field", () => messages.create(ask("gpt-4o", [])));
  await refused(Anthropic.NotFoundError, "model_not_found", () => messages.create(ask("gpt-99", hi)));
  await refused(Anthropic.NotFoundError, "model_not_found", () => messages.create(ask("gpt-99", hi, { stream: true })));
}

for (const name of MODELS) {
  for (const part of [whole, streamed, called, images, counted]) {
    await part(name).catch((cause) => {
      throw new Error(`${part.name} to ${name}`, { cause });
    });
  }
}
await errors();
