// OpenAI's own client for Node: chats, streams, tools, responses, embeddings, models.
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI();
const model = process.env.MODEL;
const messages = [{ role: "user", content: "Which city?" }];

const listed = [];
for await (const each of client.models.list()) listed.push(each.id);
assert(listed.includes(model));
const told = await client.chat.completions.create({ model, messages });
assert.equal(told.choices[0].message.content, "Lisbon is the capital of Portugal.");
let text = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  text += chunk.choices[0]?.delta?.content ?? "";
}
assert(text.endsWith("Portugal."));
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
const called = await client.chat.completions.create({ model, messages, tools });
assert.equal(called.choices[0].message.tool_calls[0].function.name, "weather");
const runner = client.chat.completions.stream({ model, messages });
assert((await runner.finalContent()).startsWith("Lisbon"));
const response = await client.responses.create({ model, input: "Which city?" });
assert(response.output_text.startsWith("Lisbon"));
const kinds = [];
for await (const event of await client.responses.create({ model, input: "Which city?", stream: true })) kinds.push(event.type);
assert.equal(kinds.at(-1), "response.completed");
const vectors = await client.embeddings.create({ model, input: ["one", "two"], encoding_format: "float" });
assert.deepEqual(vectors.data[1].embedding, [0.25, -0.5, 1]);
await assert.rejects(client.chat.completions.create({ model: "no-such-model", messages }), { code: "model_not_found" });
