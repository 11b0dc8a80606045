"""OpenAI-compatible endpoints: vLLM, Ollama, llama.cpp, Groq, Together, OpenRouter and most others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gateway.asked import BOUNDS, Asked
from gateway.providers.compatible.reading import ChatReading, CompletionsReading, EmbeddingsReading
from gateway.providers.parts import bound_of
from gateway.providers.provider import Provider, Reading, Request, as_json
from gateway.snapshot import Target


class Compatible(Provider):
    """Takes `paths` as they come, everything else as a chat completion, whose length is bounded under the name that
    most know."""

    name = "openai"
    words = "OpenAI-compatible"
    example = "https://models.example.com/v1"
    about = "Its address is that below which /models and /chat/completions lie; it usually ends with /v1."
    has_completions = True
    bound: ClassVar[str] = "max_tokens"
    paths: ClassVar[Mapping[str, str]] = {
        "chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings",
    }  # fmt: skip
    readings: ClassVar[Mapping[str, type[Reading]]] = {
        "chat": ChatReading, "completions": CompletionsReading, "embeddings": EmbeddingsReading,
    }  # fmt: skip

    def request(self, target: Target, asked: Asked) -> Request:
        """The request with the deployment's own name; in a stream the provider is asked to tell the usage."""
        form = self._form(asked)
        is_own = form == asked.form and not (asked.is_bounded and form == "chat")
        body = asked.body if is_own else self._bounded(asked.neutral)
        sent = body | {"model": target.upstream_name}
        if asked.is_streamed and form in ("chat", "completions"):
            sent["stream_options"] = (body.get("stream_options") or {}) | {"include_usage": True}
        if form == "responses" or sent.get("store"):
            sent["store"] = False  # its account is every tenant's: nothing is left there
        if form == "responses" and isinstance(given := sent.get("input"), list):
            sent["input"] = [item for item in given if not _is_lost_thought(item)]
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

    def takes(self, form: str) -> bool:
        return form in self.paths

    def cannot(self, asked: Asked) -> str:
        return "" if self.takes(asked.form) else asked.lost

    def _bounded(self, chat: dict[str, Any]) -> dict[str, Any]:
        """`chat` with the bound of its length under the name that is known here: one that is not known holds nobody."""
        rest = {name: value for name, value in chat.items() if name not in BOUNDS}
        return rest if (bound := bound_of(chat)) is None else rest | {self.bound: bound}

    def _form(self, asked: Asked) -> str:
        """In which form it is asked: the client's where it takes that, else the neutral one."""
        return asked.form if self.takes(asked.form) else asked.operation


def _is_lost_thought(item: dict[str, Any]) -> bool:
    """Whether a provider that keeps nothing would look for it in vain: it takes thoughts back encrypted alone."""
    return item.get("type") == "reasoning" and not item.get("encrypted_content")


PROVIDER = Compatible()
