"""The words for what models can do: one table each of modes, capabilities and modalities, with icon and related words.

Templates read the label and the icon, search reads the related words, the importer reads the keys.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A key of the catalog as people read it. `related` are words that somebody may search for instead."""

    key: str
    label: str
    icon: str
    phrase: str  # inside a sentence
    related: str


def _table(*words: Word) -> dict[str, Word]:
    return {word.key: word for word in words}


MODES = _table(
    Word(
        "chat",
        "Chat",
        "message",
        "chat model",
        "conversation assistant text generation LLM language model answers writing",
    ),
    Word("completion", "Completion", "align-left", "text completion model", "complete text base model"),
    Word(
        "embedding",
        "Embedding",
        "vector-bezier",
        "embedding model",
        "embeddings vectors semantic search retrieval RAG similarity",
    ),
    Word("rerank", "Rerank", "sort-descending", "reranking model", "reranker relevance ranking retrieval search RAG"),
    Word(
        "image-generation",
        "Image generation",
        "photo",
        "image generation model",
        "create pictures draw illustrations text to image",
    ),
    Word(
        "transcription",
        "Transcription",
        "microphone",
        "transcription model",
        "speech to text audio recognition dictation subtitles",
    ),
    Word("speech", "Speech", "volume", "speech model", "text to speech TTS voice read aloud spoken audio"),
    Word(
        "realtime",
        "Realtime voice",
        "wave-sine",
        "realtime voice model",
        "voice agent live speech conversation call low latency",
    ),
    Word(
        "moderation",
        "Safety",
        "shield-check",
        "content-safety classifier",
        "moderation guardrail safety filter jailbreak harmful toxic",
    ),
    Word(
        "ocr",
        "Document reading",
        "file-text",
        "document reading model",
        "OCR optical character recognition scan PDF extract text",
    ),
)

CAPABILITIES = _table(
    Word("tools", "Tools", "tool", "tools", "function calling tool use agents actions"),
    Word(
        "vision", "Reads images", "eye", "images", "vision image understanding pictures screenshots photos multimodal"
    ),
    Word(
        "reasoning",
        "Reasoning",
        "brain",
        "reasoning",
        "thinking step by step chain of thought maths logic planning hard problems",
    ),
    Word(
        "structured-output", "Structured output", "braces", "structured output", "JSON schema extraction typed answers"
    ),
    Word("prompt-caching", "Prompt caching", "database", "prompt caching", "cache cheaper repeated context"),
    Word("documents", "Reads documents", "file-text", "documents", "PDF documents files reports contracts"),
    Word("web-search", "Web search", "world", "web search", "internet browse current news live sources citations"),
    Word(
        "computer-use",
        "Computer use",
        "device-desktop",
        "computer use",
        "operates desktop browser clicks screen automation",
    ),
    Word("audio-input", "Hears audio", "microphone", "audio", "audio understanding listens speech sound"),
    Word("audio-output", "Speaks", "volume", "spoken answers", "audio output voice speaks"),
    Word("video-input", "Watches video", "video", "video", "video understanding clips movies"),
)

MODALITIES = _table(
    Word("text", "Text", "text-size", "text", ""),
    Word("image", "Image", "photo", "images", "pictures"),
    Word("audio", "Audio", "volume", "audio", "sound"),
    Word("video", "Video", "video", "video", "clips"),
    Word("pdf", "PDF", "file-text", "PDF documents", "documents"),
)

OFFERS = {
    "free": "Free tier, rate-limited by the provider",
    "fast": "Faster serving at a higher price",
    "turbo": "Quicker serving of compressed weights",
    "lite": "Cheaper serving of compressed weights",
    "extended": "Longer answers",
    "thinking": "With thinking on",
    "batch": "Batch processing only",
}


def label(table: dict[str, Word], key: str) -> str:
    """What people read for `key`; an unknown key is shown as it is."""
    word = table.get(key)
    return word.label if word else key.replace("-", " ").replace("_", " ").capitalize()
