"""Write the code that calls a route from outside: the address and the route are in it, the key is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Snippet:
    """A piece of code in one language."""

    title: str
    language: str
    text: str


def of(route: str, public_url: str) -> list[Snippet]:
    """How to call `route`: curl, and OpenAI's clients for Python and JavaScript."""
    base = f"{public_url}/v1"
    curl = f"""curl {base}/chat/completions \\
  -H "Authorization: Bearer $ATRIUM_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{route}", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""
    python = f"""import os
from openai import OpenAI

client = OpenAI(base_url="{base}", api_key=os.environ["ATRIUM_API_KEY"])
answer = client.chat.completions.create(
    model="{route}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)"""
    javascript = f"""import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{base}", apiKey: process.env.ATRIUM_API_KEY }});
const answer = await client.chat.completions.create({{
  model: "{route}",
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);"""
    return [
        Snippet("curl", "bash", curl),
        Snippet("Python", "python", python),
        Snippet("JavaScript", "javascript", javascript),
    ]
