"""Decide how a model's name is written for people: the source's own spelling where it is one, else by known words."""

from __future__ import annotations

import itertools
import re

_WORDS = {
    "gpt": "GPT", "chatgpt": "ChatGPT", "glm": "GLM", "qwen": "Qwen", "qwq": "QwQ", "deepseek": "DeepSeek",
    "minimax": "MiniMax", "llama": "Llama", "codellama": "CodeLlama", "mimo": "MiMo", "ernie": "ERNIE",
    "oss": "OSS", "vl": "VL", "ocr": "OCR", "tts": "TTS", "hd": "HD", "lfm": "LFM", "bge": "BGE", "gte": "GTE",
    "it": "IT", "moe": "MoE", "olmo": "OLMo", "wizardlm": "WizardLM", "smollm2": "SmolLM2", "dpo": "DPO",
    "sft": "SFT", "en": "EN", "awq": "AWQ", "mai": "MAI", "ds": "DS", "ui": "UI", "tars": "TARS", "sea": "SEA",
    "lion": "LION", "internvl3": "InternVL3", "kat": "KAT", "pplx": "PPLX", "eva": "EVA", "redpajama": "RedPajama",
    "incite": "INCITE", "stripedhyena": "StripedHyena", "m2m100": "M2M100", "api": "API",
}  # fmt: skip
_KEEP_HYPHEN = {"GPT", "ChatGPT", "GLM"}
_VENDOR_BEFORE = re.compile(r"^[A-Za-z0-9 .&/-]+:\s+")
_IN_BRACKETS = re.compile(r"\s*\([^)]*\)")


def title(base: str, spellings: list[str]) -> str:
    """The name for people of the canonical name `base`; `spellings` are the sources' own, the best first.

    A spelling counts when it has the very letters and digits of `base` and was written with care (a capital letter).
    """
    for spelling in spellings:
        clean = _IN_BRACKETS.sub("", _VENDOR_BEFORE.sub("", spelling)).strip()
        if _letters(clean) == _letters(base) and any(letter.isupper() for letter in clean):
            return clean.replace("_", " ")
    return _compose(base)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _compose(base: str) -> str:
    words = [_word(word) for word in base.split("-")]
    text = words[0]
    for before, word in itertools.pairwise(words):
        joiner = "-" if before in _KEEP_HYPHEN or (len(before) == 1 and len(word) == 1) else " "
        text += joiner + word
    return text


def _word(word: str) -> str:
    if word in _WORDS:
        return _WORDS[word]
    if found := re.fullmatch(r"(qwen|llama|phi|gemma|solar|granite)([\d.]+)", word):
        return _word(found[1]) + found[2]
    if re.fullmatch(r"(\d+x)?a?\d+(\.\d+)?[bkmt]", word) or re.fullmatch(r"[a-z]\d+(\.\d+)*", word):
        return word.upper().replace("X", "x") if not word.startswith(("v", "o")) else word
    return word.capitalize()
