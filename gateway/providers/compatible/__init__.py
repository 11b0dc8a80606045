"""OpenAI-compatible endpoints: vLLM, Ollama, llama.cpp, Groq, Together, OpenRouter and most others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from gateway.asked import Asked
from gateway.providers.compatible.reading import ChatReading, CompletionsReading, EmbeddingsReading
from gateway.providers.provider import Provider, Reading, Request, as_json
from gateway.snapshot import Target


class Compatible(Provider):
    """Takes `paths` as they come, everything else as a chat completion."""

    name = "openai"
    words = "OpenAI-compatible"
    example = "https://models.example.com/v1"
    paths: ClassVar[Mapping[str, str]] = {
        "chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings",
    }  # fmt: skip
    readings: ClassVar[Mapping[str, type[Reading]]] = {
        "chat": ChatReading, "completions": CompletionsReading, "embeddings": EmbeddingsReading,
    }  # fmt: skip

    def request(self, target: Target, asked: Asked) -> Request:
        """The request with the deployment's own name; in a stream the provider is asked to tell the usage."""
        form = self._form(asked)
        body = asked.body if form == asked.form else asked.neutral
        sent = body | {"model": target.upstream_name}
        if asked.is_streamed and form in ("chat", "completions"):
            sent["stream_options"] = (body.get("stream_options") or {}) | {"include_usage": True}
        base = self.base(target)
        return Request(f"{base}{self.paths[form]}" if base else "", self.headers(target), as_json(sent))

    def reading(self, asked: Asked) -> Reading:
        return self.readings[self._form(asked)](asked)

    def base(self, target: Target) -> str:
        """Below which the paths lie."""
        return target.base_url

    def headers(self, target: Target) -> dict[str, str]:
        """The credential."""
        return {"authorization": f"Bearer {target.credential}"} if target.credential else {}

    def cannot(self, asked: Asked) -> str:
        return "" if asked.form in self.paths else asked.lost

    def _form(self, asked: Asked) -> str:
        """In which form it is asked: the client's where it takes that, else the neutral one."""
        return asked.form if asked.form in self.paths else asked.operation


PROVIDER = Compatible()
