"""Decide which model a provider's name means: the canonical name, its version, and what kind of offer it is.

Providers write `global.anthropic.claude-sonnet-4-5-20250929-v1:0`, `anthropic/claude-sonnet-4.5:batch` and
`claude-sonnet-4-5` for one model. The rules below take away what is the provider's (vendor, region, release date,
number format of the weights, kind of offer) and keep what is the model's. They lean to splitting: a wrong split hides a
price, a wrong merge tells a lie (`docs/decisions/0002-one-model-many-offers.md`).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from catalog.importing import makers, spelling

MOVING_ALIAS = "alias"  # "the latest of a family": which model that is changes, so it is none of ours
FINE_TUNED = "fine-tuned"  # the price of running what a customer trained, not a model that anybody may call
OFFERS_AFTER_COLON = {"batch", "free", "extended", "thinking", "nitro", "online", "floor"}

_REGION = re.compile(r"^(global|regional|us-gov|us|eu|apac|jp|au|ca|sa)\.(?=[a-z0-9]+\.)")
_PRECISION = re.compile(r"-(fp8|fp16|bf16|int8|int4|awq|nvfp4|gguf|awq-4bit|4bit|8bit)$")
_BEDROCK_REVISION = re.compile(r"(-v1)?:\d+(:\w+)?$|(?<=\d{8})-v\d(:\d+)?$")

# What a provider adds to a name for the way it serves it: (provider, suffix, kind of offer).
_SERVING_SUFFIXES: list[tuple[str, re.Pattern[str], str]] = [
    (provider, re.compile(pattern), offer)
    for provider, pattern, offer in [
        ("groq", r"-(instant|versatile|specdec)$", ""),
        ("groq", r"(?<=b)-(4096|8192|32768)$", ""),
        ("together", r"(?<=instruct)-turbo$", "turbo"),
        ("together", r"(?<=instruct)-lite$", "lite"),
        ("fireworks", r"-(ultrafast|fast)(?=-us$|$)", "fast"),
        ("fireworks", r"-us$", "us"),
        ("fireworks", r"-basic$", ""),
        ("baseten", r"-fast$", "fast"),
        ("cloudflare", r"-fast$", "fast"),
        ("google", r"-maas$", ""),
        ("doubleword", r"-dottxt$", ""),
    ]
]
_FAST = re.compile(r"^(?P<base>(claude-opus|glm-5|kimi-k|minimax-m|grok-4\.[567]).*?)-(fast|highspeed)$", re.I)

_FULL_DATE = re.compile(r"[-@](20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")
_MONTH_YEAR = re.compile(r"-(0[1-9]|1[0-2])-(20\d\d)$")
_PREVIEW_DATE = re.compile(r"-(?P<kind>preview|exp)-(?P<month>0[1-9]|1[0-2])-(?P<day>\d\d|20\d\d)$")
_YEAR_MONTH = re.compile(r"-(2[3-9])(0[1-9]|1[0-2])(?P<preview>-preview)?$")
_MONTH_DAY = re.compile(r"-(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?P<preview>-preview)?$")
_MONTH_DAY_APART = re.compile(r"(?<=plus|lash)-(0[1-9]|1[0-2])-(\d\d)$")
_REVISION = re.compile(r"^(?P<base>gemini-.*)-(?P<revision>00\d)$")
_FINE_TUNED = re.compile(r"^ft:|\.ft-")
_NOT_MOVING = re.compile(r"^(chatgpt-|gpt-chat-)")


@dataclass(frozen=True)
class Name:
    """What a provider's name for a model says."""

    base: str  # canonical name without vendor, region, date
    stated_maker: str  # the vendor written before the name, empty when there is none
    family_maker: str  # whose family the name belongs to, empty when the name does not tell
    version: str  # label of the release, empty for "the" release
    offer: str  # "", "free", "batch", "fast", …, or MOVING_ALIAS
    region: str  # where it is served, as far as the name tells
    released_on: dt.date | None


def read(provider: str, upstream: str) -> Name:
    """What `upstream`, a name used by the provider with slug `provider`, means."""
    text = upstream.strip().lower().replace(" ", "-")
    offer = MOVING_ALIAS if text.startswith("~") else ""
    text = text.lstrip("~").removeprefix("@cf/")
    text, region = _take_region(text)
    text, colon_offer = _take_offer(text)
    text, maker = _take_vendor(provider, text)
    if _FINE_TUNED.search(upstream):
        offer = FINE_TUNED
    text = spelling.normalise(text)
    text, served_as = _take_serving(provider, text)
    text, precision = _take(_PRECISION, text)
    whole, label_of_whole = spelling.resolve_alias(text)
    text, label, released_on = (whole, label_of_whole, None) if whole != text else _take_release(text)
    text, precision_before_date = _take(_PRECISION, text)
    base, aliased_label = spelling.resolve_alias(spelling.normalise(text))
    label = label or aliased_label
    precision = precision or precision_before_date
    if label and precision:
        label = f"{label} {precision.upper()}"
    if served_as == "us":
        served_as, region = "", "us"
    return Name(
        base=base,
        stated_maker=maker,
        family_maker=makers.maker_of_family(base) or makers.OWN_MAKER.get(provider, ""),
        version=label or precision.upper(),
        offer=offer or colon_offer or served_as,
        region="" if region == "regional" else region,
        released_on=released_on,
    )


def _take(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.search(text)
    return (text[: found.start()], found.group(1)) if found else (text, "")


def _take_region(text: str) -> tuple[str, str]:
    found = _REGION.match(text)
    return (text[found.end() :], found.group(1)) if found else (text, "")


def _take_offer(text: str) -> tuple[str, str]:
    name, _, after = text.rpartition(":")
    return (name, after) if name and after in OFFERS_AFTER_COLON else (text, "")


def _take_vendor(provider: str, text: str) -> tuple[str, str]:
    """Take `vendor/` (any number of parts), Bedrock's `vendor.` or a house's `vendor-` from the front."""
    *before, text = text.split("/")
    maker = next((found for part in reversed(before) if (found := makers.vendor(part))), "")
    if before and not maker and provider in makers.HUBS:
        maker = before[-1]
    dotted, dot, rest = text.partition(".")
    may_be_dotted = dot and not maker and (provider == "aws" or rest.startswith(("claude", "llama", "nova", "titan")))
    if may_be_dotted and (found := makers.vendor(dotted)):
        text, maker = rest, found
    if provider == "aws":
        text = _BEDROCK_REVISION.sub("", re.sub(r"-v0:(\d)$", r"-v0.\1", text))
        if text.startswith("gpt-oss"):
            text = text.removesuffix("-1")
    for prefix, made_by in (("databricks-", ""), ("zai-glm", "Z.ai"), ("openai-gpt", "OpenAI"), ("nvidia-", "NVIDIA")):
        if text.startswith(prefix):
            text = text.removeprefix(prefix.split("-")[0] + "-")
            maker = maker or made_by
    return text, maker


def _take_serving(provider: str, text: str) -> tuple[str, str]:
    served_as = ""
    for of_provider, pattern, offer in _SERVING_SUFFIXES:
        if provider == of_provider and (found := pattern.search(text)):
            text = text[: found.start()] + text[found.end() :]
            served_as = offer if not served_as or offer == "fast" else served_as
    if (fast := _FAST.match(text)) and not served_as:
        return fast["base"], "fast"
    return text, served_as


def _take_release(text: str) -> tuple[str, str, dt.date | None]:
    """Take the release from the end: (rest, label, date when the label is a full one or a year and month)."""
    if text.endswith("-latest") and not _NOT_MOVING.match(text):
        return text.removesuffix("-latest"), "latest", None
    if found := _FULL_DATE.search(text):
        day = _date(int(found[1]), int(found[2]), int(found[3]))
        return text[: found.start()], f"{found[1]}-{found[2]}-{found[3]}", day
    if found := _PREVIEW_DATE.search(text):
        return f"{text[: found.start()]}-{found['kind']}", f"{found['month']}-{found['day']}", None
    if found := _MONTH_YEAR.search(text):
        return text[: found.start()], f"{found[2]}-{found[1]}", _date(int(found[2]), int(found[1]), 1)
    if found := _YEAR_MONTH.search(text):
        return text[: found.start()], found[0][1:], _date(2000 + int(found[1]), int(found[2]), 1)
    if found := _MONTH_DAY.search(text):
        return text[: found.start()], found[0][1:], None
    if found := _MONTH_DAY_APART.search(text):
        return text[: found.start()], found[0][1:], None
    if found := _REVISION.match(text):
        return found["base"], found["revision"], None
    return text, "", None


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
