// The official SDKs of OpenAI and Anthropic, unchanged, against the gateway at the address of the first argument.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const origin = `http://${process.argv[2]}`;
const openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey: "unused", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: origin, apiKey: "unused", maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const parameters = { type: "object", properties: { unit: { type: "string" }, city: { type: "string" } } };
const weather = { type: "function", function: { name: "weather", parameters } };

async function collected(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const checks = {
  async "chat whole"() {
    const answer = await openai.chat.completions.create({ model: "up", messages });
    assert.equal(answer.choices[0].message.content, "It is so.");
    assert.equal(answer.usage.total_tokens, 14);
    assert.equal(answer.meta_ai.cost, 0.011);
  },
  async "chat streamed"() {
    const options = { stream: true, stream_options: { include_usage: true } };
    const chunks = await collected(await openai.chat.completions.create({ model: "up", messages, ...options }));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.equal(text, "It is so.");
    assert.equal(chunks.at(-1).usage.total_tokens, 14);
  },
  async "chat tools"() {
    const answer = await openai.chat.completions.create({ model: "up", messages, tools: [weather] });
    const [call] = answer.choices[0].message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Bern" });
    const result = { role: "tool", tool_call_id: call.id, content: "21" };
    const turns = [...messages, answer.choices[0].message, result];
    const last = await openai.chat.completions.create({ model: "up", messages: turns, tools: [weather] });
    assert.equal(last.choices[0].message.content, "It is so.");
  },
  async "chat by a workflow and a panel"() {
    const meta_ai = { input: { product: "Bike" } };
    const answer = await openai.chat.completions.create({ model: "support-answer", messages, meta_ai });
    assert.equal(answer.model, "support-answer");
    const panel = await openai.chat.completions.create({ model: "up|plain", messages });
    assert.equal(panel.meta_ai.candidates.length, 2);
  },
  async "chat errors"() {
    await assert.rejects(openai.chat.completions.create({ model: "gpt-9", messages }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      assert.ok(error.requestID);
      return true;
    });
    const asked = { model: "up", messages, n: 2, stream: true };
    await assert.rejects(openai.chat.completions.create(asked), OpenAI.BadRequestError);
  },
  async "responses whole and streamed"() {
    const answer = await openai.responses.create({ model: "up", input: "Hello" });
    assert.equal(answer.output_text, "It is so.");
    const events = await collected(await openai.responses.create({ model: "up", input: "Hello", stream: true }));
    assert.equal(events.at(0).type, "response.created");
    assert.equal(events.at(-1).type, "response.completed");
  },
  async "models and embeddings"() {
    const ids = (await collected(openai.models.list())).map((model) => model.id);
    assert.ok(ids.includes("up") && ids.includes("support-answer") && ids.includes("both"));
    const answer = await openai.embeddings.create({ model: "minilm", input: ["a bike"] });
    assert.ok(Math.abs(Math.hypot(...answer.data[0].embedding) - 1) < 1e-3);
  },
  async "messages whole"() {
    const answer = await anthropic.messages.create({ model: "up", max_tokens: 50, messages });
    assert.deepEqual([answer.content[0].text, answer.stop_reason], ["It is so.", "end_turn"]);
    const counted = await anthropic.messages.countTokens({ model: "up", messages });
    assert.equal(counted.input_tokens, 2);
  },
  async "messages streamed"() {
    const stream = anthropic.messages.stream({ model: "up", max_tokens: 50, messages });
    const texts = [];
    stream.on("text", (text) => texts.push(text));
    const answer = await stream.finalMessage();
    assert.equal(texts.join(""), "It is so.");
    assert.equal(answer.usage.output_tokens, 3);
  },
  async "messages tools"() {
    const tools = [{ name: "weather", input_schema: parameters }];
    const answer = await anthropic.messages.create({ model: "up", max_tokens: 50, messages, tools });
    assert.deepEqual(answer.content[0].input, { city: "Bern" });
  },
  async "messages errors"() {
    const asked = { model: "claude-9", max_tokens: 50, messages };
    await assert.rejects(anthropic.messages.create(asked), Anthropic.NotFoundError);
    const wrong = { model: "up", max_tokens: 50, messages, top_k: 3 };
    await assert.rejects(anthropic.messages.create(wrong), Anthropic.BadRequestError);
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
  } catch (error) {
    console.error(`${name}:`, error);
    process.exit(1);
  }
  console.log(name);
}
