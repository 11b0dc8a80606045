"""Decide the one spelling of a model's name among the many that providers use, without changing what it names."""

from __future__ import annotations

import re

_REWRITES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), to)
    for pattern, to in [
        (r"(?<=\d)[p_](?=\d)", "."),  # glm-5p2, llama-3_1
        (r"_", "-"),
        (r"^meta-llama-", "llama-"),
        (r"^llama-?v?(?=\d)", "llama-"),  # llama3.1, llama-v3.1
        (r"^llama-(\d)-(\d)(?=-)", r"llama-\1.\2"),  # llama-3-1-8b
        (r"^llama-4-(scout|maverick)(-17b)?(-(16|128)e)?(-instruct)?(?=-|$)", r"llama-4-\1"),
        (r"^(llama-2-\d+b)-chat(-hf)?$", r"\1-chat"),
        (r"^(llama-3-\d+b)-chat-hf$", r"\1-instruct"),
        (r"^(codellama-\d+b-instruct)-hf$", r"\1"),
        # Anthropic: the number stood before the family up to 3.7, after it from 4 on.
        (r"^claude-(\d)(?:[.-](\d))?-(opus|sonnet|haiku)", r"claude-\3-\1.\2"),
        (r"^claude-(opus|sonnet|haiku)-([123])\.?(\d?)(?=-|$)", r"claude-\2.\3-\1"),
        (r"^claude-([123])\.-", r"claude-\1-"),
        (r"^claude-([a-z]+)-(\d+)-(\d{1,2})(?=-|$|@)", r"claude-\1-\2.\3"),
        (r"^(claude-[a-z]+-\d+)\.0?(?=-|$)", r"\1"),
        (r"^claude-instant.*", "claude-instant"),
        (r"^gemini-(flash|pro)-(\d\.\d)", r"gemini-\2-\1"),
        (r"^gemma(?=\d)", "gemma-"),
        (r"^qwen-(?=\d)", "qwen"),  # qwen-2.5-72b
        (r"^qwen35-", "qwen3.5-"),
        (r"^qwen2-5-", "qwen2.5-"),
        (r"-embedding-(\d)-(\d)b$", r"-embedding-\1.\2b"),
        # Point releases that were written with a hyphen because the provider admits no dots.
        (r"^(glm|kimi-k|deepseek-v|grok|jamba|palmyra-x|nova)-?(\d)-(\d)(?=-[a-z]|$)", r"\1-\2.\3"),
        (r"^(kimi-k|deepseek-v)-(?=\d)", r"\1"),
        (r"^deepseek-(v\d)-(\d)(?=-|$)", r"deepseek-\1.\2"),
        (r"^kimi-(k\d)-(\d)(?=-|$)", r"kimi-\1.\2"),
        (r"^mistral-(medium|small|large|ocr)-(\d)-(\d)(?=-|$)", r"mistral-\1-\2.\3"),
        (r"^(mistral-(?:medium|small|large|ocr)-\d)\.0$", r"\1"),
        (r"^(voxtral-(?:mini|small)-transcribe(?:-realtime)?-\d)-(\d)$", r"\1.\2"),
        (r"^deepseek-chat-v(?=3)", "deepseek-v"),
        (r"^(nova-(?:lite|micro|pro|premier|sonic|2-lite|2-sonic))-v\d$", r"\1"),
        (r"^minimax-m2\.her$|^m2-her$", "minimax-m2-her"),
        (r"^(muse-wonder)-1\.0$", r"\1"),
        (r"^(jev-\d\.\d+)\.0$", r"\1"),
        (r"^(.*)-(decensored|decentered)$", r"\1-\2"),
    ]
]

# Names that mean another one's release; each was checked by hand. The second value is the release.
_ALIASES: dict[str, tuple[str, str]] = {
    "llama-3.1-8b": ("llama-3.1-8b-instruct", ""),
    "llama-3.1-70b": ("llama-3.1-70b-instruct", ""),
    "llama-3.3-70b": ("llama-3.3-70b-instruct", ""),
    "llama-3-8b": ("llama-3-8b-instruct", ""),
    "llama-3-70b": ("llama-3-70b-instruct", ""),
    "llama-2-70b": ("llama-2-70b-chat", ""),
    "llama-3.2-11b-instruct": ("llama-3.2-11b-vision-instruct", ""),
    "llama-3.2-90b-instruct": ("llama-3.2-90b-vision-instruct", ""),
    "gemma-4-31b": ("gemma-4-31b-it", ""),
    "gemma-3-12b": ("gemma-3-12b-it", ""),
    "gemma-2-9b": ("gemma-2-9b-it", ""),
    "mixtral-8x7b": ("mixtral-8x7b-instruct", ""),
    "mixtral-8x7b-instruct-v0.1": ("mixtral-8x7b-instruct", "v0.1"),
    "mixtral-8x22b-instruct-v0.1": ("mixtral-8x22b-instruct", "v0.1"),
    "mistral-7b-instruct-v0.1": ("mistral-7b-instruct", "v0.1"),
    "mistral-7b-instruct-v0.2": ("mistral-7b-instruct", "v0.2"),
    "mistral-7b-instruct-v0.3": ("mistral-7b-instruct", "v0.3"),
    "mistral-nemo-instruct": ("mistral-nemo", ""),
    "mistral-large-3-675b-instruct": ("mistral-large", "2512"),
    "devstral-2-123b-instruct": ("devstral-2-123b", ""),
    "kimi-k2-instruct": ("kimi-k2", ""),
    "qwen3-coder-480b": ("qwen3-coder-480b-a35b-instruct", ""),
    "qwen3-coder": ("qwen3-coder-480b-a35b-instruct", ""),
    "qwen3-coder-480b-a35b": ("qwen3-coder-480b-a35b-instruct", ""),
    "qwen3-coder-30b-a3b": ("qwen3-coder-30b-a3b-instruct", ""),
    "qwen3.6-35b": ("qwen3.6-35b-a3b", ""),
    "glm-4-32b-0414-128k": ("glm-4-32b", "0414"),
    "reflection-beam-1.0": ("beam-1.0", ""),
    "beam-1.0-501b-a23b": ("beam-1.0", ""),
    "muse-spark-open-816b-a42b": ("muse-spark-open", ""),
    "nemotron-3-super": ("nemotron-3-super-120b-a12b", ""),
    "nemotron-super-3-120b": ("nemotron-3-super-120b-a12b", ""),
    "nemotron-3-120b-a12b": ("nemotron-3-super-120b-a12b", ""),
    "nemotron-nano-3-30b": ("nemotron-3-nano-30b-a3b", ""),
    "nemotron-3-ultra": ("nemotron-3-ultra-550b-a55b", ""),
    "nemotron-3.5-super-vl-120b-a12b": ("nemotron-3.5-super-vl", ""),
    "jamba-large-1.7": ("jamba-1.7-large", ""),
    "deepseek-r1-v1": ("deepseek-r1", ""),
    "r1": ("deepseek-r1", ""),
    "v3.2": ("deepseek-v3.2", ""),
    "l3-8b-lunaris-v1": ("l3-8b-lunaris", ""),
    "l3-lunaris-8b": ("l3-8b-lunaris", ""),
    "l3-euryale-70b": ("l3-70b-euryale-v2.1", ""),
    "l31-70b-euryale-v2.2": ("l3.1-70b-euryale-v2.2", ""),
    "l3.1-euryale-70b": ("l3.1-70b-euryale-v2.2", ""),
    "gpt-3.5": ("gpt-3.5-turbo", ""),
    "gpt-4-1106-preview": ("gpt-4-turbo", "1106-preview"),
    "qwen3-235b-a22b-2507": ("qwen3-235b-a22b-instruct", "2507"),
    "cogito-671b-v2.1": ("cogito-v2.1-671b", ""),
    "mistral-saba-24b": ("mistral-saba", ""),
    "ministral-3-3b-instruct": ("ministral-3b", "2512"),
    "ministral-3-8b-instruct": ("ministral-8b", "2512"),
    "ministral-3-14b-instruct": ("ministral-14b", "2512"),
}  # fmt: skip


def normalise(name: str) -> str:
    """`name` in the one spelling; applying it twice changes nothing more."""
    for pattern, to in _REWRITES:
        name = pattern.sub(to, name)
    return name.strip("-.")


def resolve_alias(name: str) -> tuple[str, str]:
    """The canonical name and release that a normalised `name` stands for (usually itself and none)."""
    return _ALIASES.get(name, (name, ""))
