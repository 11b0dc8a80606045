"""Decide who made a model: from the vendor written before its name, else from the family its name belongs to.

A vendor table is a statement of fact (organisation names as used on model hubs); a family rule is only here when the
family name is its maker's own. Anything else has no maker, and stays apart from what has one.
"""

from __future__ import annotations

import re

VENDORS: dict[str, str] = {
    "01-ai": "01.AI", "zero-one-ai": "01.AI", "agentica-org": "Agentica", "ai21": "AI21 Labs", "ai4bharat": "AI4Bharat",
    "aion-labs": "AionLabs", "aisingapore": "AI Singapore", "alibaba": "Alibaba", "all-hands": "All Hands AI",
    "allenai": "Ai2", "alpindale": "Alpin Dale", "amazon": "Amazon", "anthracite-org": "Anthracite",
    "anthropic": "Anthropic", "arcee-ai": "Arcee AI", "arcee": "Arcee AI", "arliai": "ArliAI", "baai": "BAAI",
    "baidu": "Baidu", "baichuan": "Baichuan", "bsc-lt": "Barcelona Supercomputing Center", "bytedance": "ByteDance",
    "bytedance-research": "ByteDance", "bytedance-seed": "ByteDance", "canopylabs": "Canopy Labs",
    "cloudflare": "Cloudflare", "codellama": "Meta", "cognitivecomputations": "Cognitive Computations",
    "cohere": "Cohere", "deepcogito": "Deep Cogito", "deepseek": "DeepSeek", "deepseek-ai": "DeepSeek",
    "dicta-il": "Dicta", "eleutherai": "EleutherAI", "essentialai": "Essential AI", "eva-unit-01": "EVA",
    "featherless": "Featherless", "fireworks": "Fireworks AI", "garage-baind": "garage-bAInd", "google": "Google",
    "gryphe": "Gryphe", "huggingface": "Hugging Face", "huggingfaceh4": "Hugging Face", "ibm-granite": "IBM",
    "inception": "Inception", "inclusionai": "Ant Group", "inference-net": "Inference.net", "infermatic": "Infermatic",
    "inflection": "Inflection", "jondurbin": "Jon Durbin", "kwaipilot": "Kuaishou", "latitudegames": "Latitude",
    "liquid": "Liquid AI", "lmsys": "LMSYS", "mancer": "Mancer", "meituan": "Meituan", "meta": "Meta",
    "meta-llama": "Meta", "meta-models": "Meta", "microsoft": "Microsoft", "minimax": "MiniMax",
    "minimaxai": "MiniMax", "mistral": "Mistral AI", "mistralai": "Mistral AI", "moondream": "Moondream",
    "moonshot": "Moonshot AI", "moonshotai": "Moonshot AI", "morph": "Morph", "neversleep": "NeverSleep",
    "nex-agi": "Nex AGI", "nexusflow": "Nexusflow", "nousresearch": "Nous Research", "nvidia": "NVIDIA",
    "open-orca": "OpenOrca", "open-r1": "Hugging Face", "openai": "OpenAI", "openchat": "OpenChat",
    "paddlepaddle": "Baidu", "perceptron": "Perceptron", "perplexity": "Perplexity", "pfnet": "Preferred Networks",
    "poolside": "Poolside", "prime-intellect": "Prime Intellect", "primeintellect": "Prime Intellect",
    "prism-ml": "Prism ML", "pygmalionai": "PygmalionAI", "qwen": "Alibaba", "raifle": "raifle",
    "reflection": "Reflection AI", "reka": "Reka AI", "rekaai": "Reka AI", "relace": "Relace", "sakana": "Sakana AI",
    "sao10k": "Sao10K", "sarvamai": "Sarvam AI", "scaledown": "ScaleDown", "scb10x": "SCB 10X",
    "servicenow-ai": "ServiceNow", "shisa-ai": "Shisa AI", "snorkelai": "Snorkel AI",
    "sophosympatheia": "sophosympatheia", "speakleash": "SpeakLeash", "stepfun": "StepFun",
    "swiss-ai": "Swiss AI Initiative", "teknium": "Teknium", "tencent": "Tencent", "thedrummer": "TheDrummer",
    "thinkingmachines": "Thinking Machines Lab", "thudm": "Z.ai", "together": "Together AI",
    "togethercomputer": "Together AI", "tngtech": "TNG", "typesafe": "TypeSafe", "ricursiveai": "Ricursive",
    "ricursive-ai": "Ricursive", "nothingiisreal": "nothingiisreal", "undi95": "Undi95", "upstage": "Upstage",
    "utter-project": "UTTER", "voyage": "Voyage AI", "wizardlm": "WizardLM", "writer": "Writer", "x-ai": "xAI",
    "xai": "xAI", "xiaomi": "Xiaomi", "xiaomimimo": "Xiaomi", "z-ai": "Z.ai", "zai": "Z.ai", "zai-org": "Z.ai",
}  # fmt: skip

# Providers that serve what they made: a bare name there is theirs, unless a family rule says otherwise.
OWN_MAKER: dict[str, str] = {
    "anthropic": "Anthropic", "cohere": "Cohere", "deepseek": "DeepSeek", "elevenlabs": "ElevenLabs",
    "meta": "Meta", "minimax": "MiniMax", "mistral": "Mistral AI", "moonshotai": "Moonshot AI", "openai": "OpenAI",
    "perplexity": "Perplexity", "typesafe": "TypeSafe", "voyageai": "Voyage AI", "x-ai": "xAI", "zai": "Z.ai",
    "zhipuai": "Z.ai", "google": "Google",
}  # fmt: skip

# Where a name is written `organisation/model`, so that an unknown organisation is still the one who made it.
HUBS = {"openrouter", "together", "novita"}

_FAMILIES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), maker)
    for pattern, maker in [
        (
            r"^(chatgpt|gpt-(?!j)|o[134](-|$)|text-(embedding|davinci)-|dall-e|tts-1|whisper|codex-mini|computer-use$)",
            "OpenAI",
        ),
        (r"^(ada|babbage|curie|davinci)(-002)?$", "OpenAI"),
        (r"^claude-", "Anthropic"),
        (r"^(gemini|gemma|palm-2|learnlm|lyria|veo|imagen)-", "Google"),
        (r"^(deepseek-r1-distill|deepseek)-", "DeepSeek"),
        (r"^(mistral|mixtral|ministral|magistral|codestral|devstral|pixtral|voxtral)(-|$)", "Mistral AI"),
        (r"^(qwen\d*(\.\d)?|qwq|qvq)-", "Alibaba"),
        (r"^(kimi|moonshot-v1)-", "Moonshot AI"),
        (r"^glm-\d", "Z.ai"),
        (r"^grok-", "xAI"),
        (r"^minimax-", "MiniMax"),
        (r"^llama-(\d|guard|prompt-guard)(?!.*(nemotron|sonar|typhoon|lumimaid|groq|euryale))", "Meta"),
        (r"^(codellama|muse)-", "Meta"),
        (r"^(nemotron|llama-[\d.]+-nemotron)", "NVIDIA"),
        (r"^(llama-3\.1-)?sonar($|-)|^pplx-|^r1-1776$", "Perplexity"),
        (r"^phi-\d|^mai-|^wizardlm-2-", "Microsoft"),
        (r"^(command|c4ai|embed-v|rerank-v)", "Cohere"),
        (r"^nova-|^titan-", "Amazon"),
        (r"^granite-", "IBM"),
        (r"^jamba-", "AI21 Labs"),
        (r"^(bge)-", "BAAI"),
        (r"^(mimo)-", "Xiaomi"),
        (r"^(step)-\d", "StepFun"),
        (r"^(hy\d|hunyuan)", "Tencent"),
        (r"^(lfm)-", "Liquid AI"),
        (r"^voyage-", "Voyage AI"),
        (r"^(hermes|nous-hermes|deephermes)-", "Nous Research"),
        (r"^(arcee|virtuoso|trinity|caller|maestro)-", "Arcee AI"),
        (r"^composer-", "Cursor"),
        (r"^smollm", "Hugging Face"),
        (r"^sarvam-", "Sarvam AI"),
        (r"^internvl", "OpenGVLab"),
        (r"^mercury-", "Inception"),
        (r"^gte-", "Alibaba"),
        (r"^inkling", "Thinking Machines Lab"),
    ]
]


def vendor(word: str) -> str:
    """The maker that `word` (written before a model's name) stands for, or an empty text."""
    return VENDORS.get(word.lower(), "")


def maker_of_family(name: str) -> str:
    """The maker whose family a canonical name belongs to, or an empty text when the name does not tell."""
    return next((maker for pattern, maker in _FAMILIES if pattern.search(name)), "")
