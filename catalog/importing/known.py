"""Read what is known of models from the vendored model map, and decide what to believe where reports differ.

The maker's own statement comes first. Without one, a number is the one most reports give (of equals the smaller:
promising less is the safer error) and a capability is there when at least half of the reports name it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from catalog.importing import names

SOURCE = "litellm model map 1.106.2"
MODEL_MAP = Path(__file__).resolve().parent.parent / "data" / "model_facts.json"

# The map's names of providers that speak for what they made.
_SPEAKS_FOR: dict[str, str] = {
    "ai21": "AI21 Labs", "amazon_nova": "Amazon", "anthropic": "Anthropic", "azure_ai": "Microsoft",
    "bedrock": "Amazon", "bedrock_converse": "Amazon", "codestral": "Mistral AI", "cohere": "Cohere",
    "cohere_chat": "Cohere", "dashscope": "Alibaba", "deepseek": "DeepSeek", "elevenlabs": "ElevenLabs",
    "gemini": "Google", "inception": "Inception", "meta": "Meta", "meta_llama": "Meta", "minimax": "MiniMax",
    "mistral": "Mistral AI", "moonshot": "Moonshot AI", "openai": "OpenAI", "perplexity": "Perplexity",
    "qwen_ai_platform": "Alibaba", "qwencloud": "Alibaba", "tencent": "Tencent",
    "text-completion-openai": "OpenAI", "vertex_ai-embedding-models": "Google",
    "vertex_ai-language-models": "Google", "voyage": "Voyage AI", "watsonx": "IBM", "xai": "xAI",
    "xiaomi_mimo": "Xiaomi", "zai": "Z.ai",
}  # fmt: skip

_CAPABILITIES = {
    "function_calling": "tools",
    "reasoning": "reasoning",
    "vision": "vision",
    "response_schema": "structured-output",
    "prompt_caching": "prompt-caching",
    "pdf_input": "documents",
    "web_search": "web-search",
    "computer_use": "computer-use",
    "audio_input": "audio-input",
    "audio_output": "audio-output",
    "video_input": "video-input",
}
_MODES = {"responses": "chat", "completion": "chat"}


@dataclass(frozen=True)
class Report:
    """What one entry of the map says."""

    name: names.Name
    spoken_by: str  # the maker that this provider speaks for, or an empty text
    mode: str
    input_tokens: int | None
    output_tokens: int | None
    capabilities: frozenset[str]
    says_capabilities: bool
    modalities_in: tuple[str, ...]
    modalities_out: tuple[str, ...]
    vector_size: int | None
    deprecated_on: dt.date | None
    url: str


@dataclass(frozen=True)
class Known:
    """What the catalog believes of one model, from all reports on it."""

    mode: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    capabilities: tuple[str, ...] = ()
    modalities_in: tuple[str, ...] = ()
    modalities_out: tuple[str, ...] = ()
    vector_size: int | None = None
    deprecated_on: dt.date | None = None  # only as the maker says it
    deprecated_versions: tuple[tuple[str, dt.date], ...] = ()
    url: str = ""


@cache
def reports() -> dict[str, list[Report]]:
    """Every report of the map by canonical name."""
    found: dict[str, list[Report]] = defaultdict(list)
    for text, entry in json.loads(MODEL_MAP.read_text(encoding="utf-8")).items():
        provider = "aws" if entry["provider"].startswith("bedrock") else entry["provider"]
        name = names.read(provider, text)
        if name.offer in (names.MOVING_ALIAS, names.FINE_TUNED):
            continue
        supports = entry.get("supports", [])
        found[name.base].append(
            Report(
                name=name,
                spoken_by=_SPEAKS_FOR.get(entry["provider"], ""),
                mode=_MODES.get(entry["mode"], entry["mode"]),
                input_tokens=entry.get("input"),
                output_tokens=entry.get("output"),
                capabilities=frozenset(_CAPABILITIES[each] for each in supports if each in _CAPABILITIES),
                says_capabilities=bool(supports),
                modalities_in=tuple(entry.get("modalities_in", ())),
                modalities_out=tuple(entry.get("modalities_out", ())),
                vector_size=entry.get("vector_size"),
                deprecated_on=dt.date.fromisoformat(entry["deprecated_on"]) if entry.get("deprecated_on") else None,
                url=entry.get("source", ""),
            )
        )
    return dict(found)


def of(base: str, maker: str) -> Known:
    """What is known of the model with the canonical name `base`, made by `maker`."""
    heard = reports().get(base, [])
    if not heard:
        return Known()
    own = [report for report in heard if maker and report.spoken_by == maker]
    believed = own or heard
    latest = [report for report in own if report.name.version in ("", "latest")] or own
    capabilities = _capabilities(own) or _capabilities(heard)
    return Known(
        mode=_most([report.mode for report in believed]) or "",
        input_tokens=_number(own, heard, "input_tokens"),
        output_tokens=_number(own, heard, "output_tokens"),
        capabilities=capabilities,
        modalities_in=next((report.modalities_in for report in believed if report.modalities_in), ()),
        modalities_out=next((report.modalities_out for report in believed if report.modalities_out), ()),
        vector_size=_number(own, heard, "vector_size"),
        deprecated_on=max((report.deprecated_on for report in latest if report.deprecated_on), default=None),
        deprecated_versions=tuple(
            sorted({(r.name.version, r.deprecated_on) for r in own if r.deprecated_on and r.name.version})
        ),
        url=next((report.url for report in [*own, *heard] if report.url), ""),
    )


def _number(own: list[Report], heard: list[Report], field: str) -> int | None:
    for group in (own, heard):
        values = [value for report in group if (value := getattr(report, field))]
        if values:
            counted = Counter(values)
            return min(counted, key=lambda value: (-counted[value], value))
    return None


def _capabilities(group: list[Report]) -> tuple[str, ...]:
    telling = [report for report in group if report.says_capabilities]
    counted = Counter(capability for report in telling for capability in report.capabilities)
    return tuple(sorted(each for each, count in counted.items() if count * 2 >= len(telling)))


def _most(values: list[str]) -> str | None:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value)) if counted else None
