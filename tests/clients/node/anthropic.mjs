// Anthropic's own client for Node: messages, streams, tools.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();
const asked = { model: process.env.MODEL, max_tokens: 100, messages: [{ role: "user", content: "Which city?" }] };
const told = await client.messages.create(asked);
assert(told.content[0].text.startsWith("Lisbon"));
const final = await client.messages.stream(asked).finalMessage();
assert(final.content[0].text.endsWith("Portugal."));
assert.equal(final.usage.output_tokens, 5);
const tools = [{ name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } } } }];
const used = await client.messages.create({ ...asked, tools });
assert.equal(used.stop_reason, "tool_use");
assert.deepEqual(used.content.find((block) => block.type === "tool_use").input, { city: "Lisbon" });
