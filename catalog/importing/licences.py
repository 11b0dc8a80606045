"""Decide under which licence a model's weights are published, where its makers' model cards leave no doubt.

Only families whose card states one licence for every size are listed; the others stay without one rather than with a
guess. A model whose weights were never published has the licence `Proprietary`, by its maker.
"""

from __future__ import annotations

import re

_CARD = "model card on huggingface.co"
_OPEN: list[tuple[re.Pattern[str], str, str]] = [
    (re.compile(pattern), licence, source)
    for pattern, licence, source in [
        (r"^gpt-oss-", "Apache-2.0", _CARD),
        (r"^llama-2-", "Llama 2 Community", _CARD),
        (r"^codellama-", "Llama 2 Community", _CARD),
        (r"^llama-(3-(8b|70b)|guard-2)", "Llama 3 Community", _CARD),
        (r"^llama-(3\.1-(8b|70b|405b)|guard-3-8b)", "Llama 3.1 Community", _CARD),
        (r"^llama-3\.2-", "Llama 3.2 Community", _CARD),
        (r"^llama-3\.3-", "Llama 3.3 Community", _CARD),
        (r"^llama-(4-|guard-4)", "Llama 4 Community", _CARD),
        (r"^gemma-(2|3|7b|2b)", "Gemma Terms of Use", "ai.google.dev/gemma/terms"),
        (r"^mistral-7b|^mixtral-8x|^mistral-nemo|^mistral-small-(24b|3\.[12])", "Apache-2.0", _CARD),
        (r"^pixtral-12b|^devstral-small|^codestral-mamba", "Apache-2.0", _CARD),
        (r"^magistral-small|^voxtral-(mini-3b|small-24b)", "Apache-2.0", _CARD),
        (r"^phi-(2|3|3\.5|4)", "MIT", _CARD),
        (r"^wizardlm-2-", "Apache-2.0", _CARD),
        (r"^deepseek-(r1|v3\.1|v3\.2|prover-v2)(?!-distill-llama|t)", "MIT", _CARD),
        (r"^deepseek-r1-distill-llama-8b", "Llama 3.1 Community", _CARD),
        (r"^deepseek-r1-distill-llama-70b", "Llama 3.3 Community", _CARD),
        (r"^qwq-32b", "Apache-2.0", _CARD),
        (r"^qwen2\.5-(7b|14b|32b|coder-(7b|14b|32b)|vl-(7b|32b))", "Apache-2.0", _CARD),
        (r"^qwen3-(?!max|coder-(plus|flash)|vl-(plus|flash))", "Apache-2.0", _CARD),
        (r"^glm-4\.[567](?!v-flashx|-flashx|-x|-airx)", "MIT", _CARD),
        (r"^minimax-m2($|\.1|\.5)", "MIT", _CARD),
        (r"^kimi-k2($|-thinking|\.5)", "Modified MIT", _CARD),
        (r"^kimi-(vl|dev)-", "MIT", _CARD),
        (r"^granite-", "Apache-2.0", _CARD),
        (r"^olmo-", "Apache-2.0", _CARD),
        (r"^smollm", "Apache-2.0", _CARD),
        (r"^bge-(base|large|small|m3|reranker-base)", "MIT", _CARD),
        (r"^whisper-large-v3", "Apache-2.0", _CARD),
        (r"^zephyr-7b-beta", "MIT", _CARD),
        (r"^mimo-v2-flash", "MIT", _CARD),
        (r"^apertus-(8b|70b)-", "Apache-2.0", _CARD),
        (r"^ernie-4\.5-(21b|vl-28b|300b|vl-424b)", "Apache-2.0", _CARD),
        (r"^c4ai-aya-expanse-", "CC-BY-NC-4.0", _CARD),
        (r"^(vicuna-\d+b-v1\.5)", "Llama 2 Community", _CARD),
        (r"^yi-(6b|34b)", "Apache-2.0", _CARD),
        (r"^hermes-3-llama-3\.1-", "Llama 3.1 Community", _CARD),
        (r"^jamba-1\.", "Jamba Open Model", _CARD),
    ]
]  # fmt: skip

# Families offered only as a service.
_CLOSED = re.compile(
    r"^(gpt-(?!oss|jt)|chatgpt|o[134](-|$)|text-(embedding|davinci)|tts-|whisper-1$|codex-|claude-|gemini-|palm-2|"
    r"grok-[345]|command(-light)?$|voyage-(?!4-nano)|nova-|titan-|sonar|palmyra-|qwen-(max|plus|turbo)|qwen3-max|"
    r"mistral-(medium|ocr|embed)|moonshot-v1|composer-|eleven-|davinci|curie|babbage|ada$)"
)


def of(base: str) -> tuple[str, str]:
    """The licence of the model with the canonical name `base` and where that is stated; two empty texts when unsure."""
    for pattern, licence, source in _OPEN:
        if pattern.search(base):
            return licence, source
    if _CLOSED.search(base):
        return "Proprietary", "offered as a service only"
    return "", ""


def is_open(licence: str) -> bool:
    """Whether `licence` publishes the weights."""
    return bool(licence) and licence != "Proprietary"
