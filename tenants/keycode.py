"""The code that calls the gateway with a key just issued: an env file, and three clients reading from it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True)
class Piece:
    """A piece of text to copy."""

    title: str
    language: str
    text: str


def base_url() -> str:
    """Where clients of the OpenAI dialect point to."""
    return f"{settings.PUBLIC_URL}/v1"


def env_file(secret: str) -> str:
    """The lines of a `.env` file that the code below reads."""
    return f"OPENAI_BASE_URL={base_url()}\nOPENAI_API_KEY={secret}\n"


def pieces(route: str) -> list[Piece]:
    """How to call `route`; none of them holds the secret, so that code can be kept."""
    curl = f"""curl {base_url()}/chat/completions \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{route}", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""
    python = f"""from openai import OpenAI

client = OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY
answer = client.chat.completions.create(
    model="{route}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)"""
    javascript = f"""import OpenAI from "openai";

const client = new OpenAI(); // reads OPENAI_BASE_URL and OPENAI_API_KEY
const answer = await client.chat.completions.create({{
  model: "{route}",
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);"""
    return [
        Piece("curl", "bash", curl),
        Piece("Python", "python", python),
        Piece("JavaScript", "javascript", javascript),
    ]
