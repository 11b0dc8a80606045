"""Say in one line what a model is good for, from facts and from what its name states; nothing is praised or promised.

The same rules find the mode where no source states one.
"""

from __future__ import annotations

import re
from decimal import Decimal

from catalog.vocabulary import CAPABILITIES, MODES

# What a name states about the task: (pattern, words in the sentence, related words for search).
_TASKS: list[tuple[re.Pattern[str], str, str]] = [
    (re.compile(pattern), phrase, related)
    for pattern, phrase, related in [
        (
            r"code|coder|codestral|devstral|solidity|openhands|composer-|-apply-|^kat-",
            "writing and changing code",
            "coding programming software development developer engineering refactoring SQL Python code completion",
        ),
        (r"deep-research", "long research with sources", "deep research reports analysis investigate literature"),
        (r"sonar|search|-online$", "answers with sources from the web", "web search citations current events news"),
        (r"translat|(^|-)mt\d?-|m2m100|indictrans", "translation", "translate languages multilingual localisation"),
        (r"ocr", "reading scanned documents", "OCR scan PDF extract text invoices receipts"),
        (r"guard|safety|moderation", "judging whether content is safe", "guardrail policy jailbreak toxic"),
        (r"math|llemma|prover|olympic", "mathematics and proofs", "maths theorem equations olympiad"),
        (r"-law-|legal", "legal texts", "law contracts court compliance lawyer"),
        (r"finance|-fin$", "financial texts", "finance banking trading earnings"),
        (r"sante|rosalind|-med", "medical and life-science texts", "health medicine biology clinical"),
        (r"robotics", "robots and embodied tasks", "robotics physical world planning"),
        (r"cyber", "security work", "cybersecurity vulnerabilities penetration threat analysis"),
        (r"computer-use|ui-tars|autoglm-phone", "operating screens", "GUI automation clicks browser desktop agent"),
        (r"lyria", "making music", "music audio generation songs"),
        (r"extract|schematron", "extracting structured data", "extraction JSON parse HTML"),
        (r"summari[sz]e", "summaries", "summarise shorten digest"),
        (r"router|^auto$", "passing each prompt to another model", "routing automatic choice"),
        (
            r"multilingual|sea-lion|alia-|eurollm|aya-|apertus|bielik|dictalm|typhoon|shisa|swallow",
            "many languages",
            "multilingual languages translation European Asian",
        ),
    ]
]  # fmt: skip

_MODE_OF_NAME: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), mode)
    for pattern, mode in [
        (r"rerank", "rerank"),
        (r"embed|^bge-|^gte-|^voyage-", "embedding"),
        (r"transcribe|whisper", "transcription"),
        (r"(^|-)tts(-|$)|^orpheus", "speech"),
        (r"realtime|-live(-|$)|^gpt-live|voice|sonic|^eleven-|phonellm", "realtime"),
        (r"^gpt-image|-image(-|$)|nano-banana|^chatgpt-image|^ming-image", "image-generation"),
        (r"moderation|guard-|-safety|safeguard", "moderation"),
        (r"(^|-)ocr(-|$)|paddleocr", "ocr"),
    ]
]
_SOURCE_MODES = {
    "image_generation": "image-generation",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
}
_CAPABILITY_OF_NAME: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"(^|-)vl(-|$)|vision(?!-exp)|multimodal|^glm-\d(\.\d)?v"), "vision"),
    (re.compile(r"(^|-)(thinking|reasoning|reasoner|thinker|think)(-|$)(?<!non-reasoning)|deep-research"), "reasoning"),
]
_BILLIONS = re.compile(r"(?<![\w.])(?P<count>(?:\d+x)?\d+(?:\.\d+)?)(?P<unit>[bt])(?![a-z0-9])")


def mode_of(base: str, stated: str) -> str:
    """The mode of a model: what its name says unmistakably, else what a source states, else chat."""
    named = next((mode for pattern, mode in _MODE_OF_NAME if pattern.search(base)), "")
    return named or _SOURCE_MODES.get(stated, stated) or "chat"


def capabilities_of_name(base: str) -> set[str]:
    """Capabilities that the name states."""
    return {capability for pattern, capability in _CAPABILITY_OF_NAME if pattern.search(base)}


def parameters_of(base: str) -> str:
    """The number of parameters that the name states, such as `8B` or `8x7B`, or an empty text."""
    found = _BILLIONS.search(base)
    return f"{found['count']}{found['unit'].upper()}" if found else ""


def related_words(base: str) -> str:
    """Words that somebody looking for this kind of model may use, by what its name states."""
    return " ".join(f"{phrase} {related}" for pattern, phrase, related in _TASKS if pattern.search(base))


def compose(
    base: str,
    *,
    mode: str,
    capabilities: tuple[str, ...],
    context_tokens: int | None,
    is_open: bool,
    vector_size: int | None,
) -> str:
    """One sentence of facts: kind, task, what it takes, how much it reads, whether its weights are open."""
    kind = MODES[mode].phrase if mode in MODES else mode.replace("_", " ")
    size = parameters_of(base)
    sentence = kind[0].upper() + kind[1:]
    if size:
        sentence += f" of {size} parameters"
    task = next((phrase for pattern, phrase, _ in _TASKS if pattern.search(base)), "")
    if task and mode in ("chat", "completion", "embedding"):
        sentence += f" for {task}"
    if vector_size:
        sentence += f" with {vector_size} dimensions"
    reads = [
        CAPABILITIES[key].phrase for key in ("vision", "documents", "audio-input", "video-input") if key in capabilities
    ]
    does = [
        CAPABILITIES[key].phrase
        for key in ("reasoning", "tools", "structured-output", "web-search")
        if key in capabilities
    ]
    parts = [sentence]
    if reads:
        parts.append(f"takes {_list(reads)} beside text")
    if does:
        parts.append(f"offers {_list(does)}")
    if context_tokens and mode in ("chat", "completion", "embedding", "rerank"):
        parts.append(f"reads up to {in_words(context_tokens)} tokens")
    if is_open:
        parts.append("open weights")
    if parts == [sentence] and not task and not vector_size:
        parts.append("little is published about it beside its price")
    return ("; ".join(parts) + ".")[:300]


def in_words(count: int) -> str:
    """`200000` as `200k`, `1048576` as `1M`: the round figure people use."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            rounded = Decimal(count) / size
            return f"{rounded:.1f}".removesuffix(".0") + unit if unit == "M" else f"{rounded:.0f}k"
    return str(count)


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
