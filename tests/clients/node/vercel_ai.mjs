// Vercel's AI SDK: text, streams, tools that it runs itself, structured output, embeddings.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const atrium = createOpenAICompatible({
  name: "atrium", baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true, supportsStructuredOutputs: true,
});
const model = atrium(process.env.MODEL);
const prompt = "Which city?";

const told = await generateText({ model, prompt });
assert.equal(told.text, "Lisbon is the capital of Portugal.");
assert.equal(told.usage.outputTokens, 5);
let text = "";
const streamed = streamText({ model, prompt });
for await (const piece of streamed.textStream) text += piece;
assert(text.endsWith("Portugal."));
assert.equal((await streamed.usage).outputTokens, 5);
const asked = [];
const weather = tool({
  description: "The weather in a city.", inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => { asked.push(city); return "17 degrees"; },
});
const used = await generateText({ model, prompt, tools: { weather }, stopWhen: stepCountIs(3) });
assert.deepEqual(asked, ["Lisbon"]);
assert(used.text.startsWith("Lisbon"));
const made = await generateObject({ model, prompt, schema: z.object({ city: z.string(), people: z.number() }) });
assert.deepEqual(made.object, { city: "Lisbon", people: 545000 });
const { embeddings } = await embedMany({ model: atrium.textEmbeddingModel(process.env.MODEL), values: ["one", "two"] });
assert.deepEqual(embeddings[1], [0.25, -0.5, 1]);
