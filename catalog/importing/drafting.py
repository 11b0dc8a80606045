"""Join offers and knowledge into drafts: what the catalog should say of each model.

Offers of one canonical name become one model with a version per release and a deployment per offer. Offers whose stated
makers contradict each other, and of whom none is the family's, stay apart.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from catalog.importing import known, licences, names, offers, purposes, titles
from catalog.importing.offers import Offer, ProviderOffer, Rate
from catalog.lifecycle.states import Lifecycle
from catalog.models import PLATFORM_TEAM

NAME_ITSELF = "what its name states"
_SOON = dt.timedelta(days=180)
_NAMED_BETA = {"zephyr-7b-beta"}  # released under that name
_DISCOUNTS = ("batch", "free")


@dataclass(frozen=True)
class FactDraft:
    name: str
    value: Any
    source: str
    url: str = ""


@dataclass
class DeploymentDraft:
    provider: ProviderOffer
    upstream: str
    version: str
    offer: str = ""
    region: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    rates: list[Rate] = field(default_factory=list)
    price_source: str = offers.SOURCE


@dataclass
class VersionDraft:
    label: str
    released_on: dt.date | None = None
    deprecated_on: dt.date | None = None
    ending: str = ""  # what its sources say of its end, as `catalog.lifecycle.moving.follow_sources` takes it


@dataclass
class ModelDraft:
    """A model as the sources tell it. `fields` are columns of `catalog.Model`."""

    slug: str
    fields: dict[str, Any]
    versions: list[VersionDraft]
    deployments: list[DeploymentDraft]
    facts: list[FactDraft]
    related: str = ""  # further words that people may search it by


def draft_all(found: list[Offer], today: dt.date) -> tuple[list[ModelDraft], dict[str, int]]:
    """A draft of every model that `found` offers, and how many offers were left out, by reason."""
    left_out: dict[str, int] = defaultdict(int)
    by_base: dict[str, list[Offer]] = defaultdict(list)
    for offer in found:
        if offer.named.offer in (names.MOVING_ALIAS, names.FINE_TUNED):
            left_out[offer.named.offer] += 1
        else:
            by_base[offer.named.base].append(offer)
    drafts = []
    for base, group in sorted(by_base.items()):
        makers = split_by_maker(group)
        for maker, same in makers.items():
            slug = base if len(makers) == 1 or not maker else f"{_slug(maker)}-{base}"
            kept, folded = _fold_discounts(same)
            left_out["folded into notes"] += len(folded)
            drafts.append(_draft(slug[:120], base, maker, kept, folded, today))
    return drafts, dict(left_out)


def split_by_maker(group: list[Offer]) -> dict[str, list[Offer]]:
    """Offers of one canonical name by who made the model: one entry unless makers contradict each other."""
    stated = {offer.named.stated_maker for offer in group if offer.named.stated_maker}
    families = {offer.named.family_maker for offer in group if offer.named.family_maker}
    if len(stated) == 1:
        return {stated.pop(): group}
    if not stated:
        return {sorted(families)[0] if families else "": group}
    if family := sorted(stated & families):
        return {family[0]: group}
    apart: dict[str, list[Offer]] = defaultdict(list)
    for offer in group:
        apart[offer.named.stated_maker].append(offer)
    return apart


def _fold_discounts(group: list[Offer]) -> tuple[list[Offer], list[Offer]]:
    """Keep ordinary offers; batch and free ones are deployments only where there is no other offer."""
    ordinary = [offer for offer in group if offer.named.offer not in _DISCOUNTS]
    if not ordinary:
        return group, []
    return ordinary, [offer for offer in group if offer.named.offer in _DISCOUNTS]


def _draft(slug: str, base: str, maker: str, kept: list[Offer], folded: list[Offer], today: dt.date) -> ModelDraft:
    told = known.of(base, maker)
    mode = purposes.mode_of(base, told.mode)
    named = purposes.capabilities_of_name(base)
    capabilities = tuple(sorted({*told.capabilities, *named}))
    licence, licence_source = licences.of(base)
    context, context_source = _context(told, kept, maker)
    versions = _versions(kept, told, _ending(told, kept, today), today)
    described = _described(kept, maker)
    fields = {
        "name": titles.title(base, [offer.display_name for offer in _best_first(kept, maker)]),
        "developer": maker,
        "purpose": purposes.compose(
            base,
            mode=mode,
            capabilities=capabilities,
            context_tokens=context,
            is_open=licences.is_open(licence),
            vector_size=told.vector_size,
        ),
        "description": described.description if described else "",
        "mode": mode,
        "licence": licence,
        "capabilities": list(capabilities),
        "modalities_in": _modalities_in(told, capabilities, mode),
        "modalities_out": _modalities_out(told, mode),
        "context_tokens": context,
        "max_output_tokens": told.output_tokens,
        "is_preview": _is_preview(base),
        "released_on": min((version.released_on for version in versions if version.released_on), default=None),
    }
    facts = [
        FactDraft("context tokens", context, context_source, told.url if context_source == known.SOURCE else ""),
        FactDraft("output tokens", told.output_tokens, known.SOURCE, told.url),
        FactDraft("capabilities", list(told.capabilities), known.SOURCE, told.url),
        FactDraft("capabilities", sorted(named - set(told.capabilities)), NAME_ITSELF),
        FactDraft("dimensions", told.vector_size, known.SOURCE, told.url),
        FactDraft("retirement", told.deprecated_on and told.deprecated_on.isoformat(), known.SOURCE, told.url),
        FactDraft("licence", licence, licence_source),
        FactDraft("parameters", purposes.parameters_of(base), NAME_ITSELF),
        FactDraft(
            "description", fields["description"], f"{described.provider.name} in {offers.SOURCE}" if described else ""
        ),
        *_discount_facts(folded),
    ]
    return ModelDraft(
        slug=slug,
        fields=fields,
        versions=versions,
        deployments=[
            DeploymentDraft(
                provider=offer.provider,
                upstream=offer.upstream,
                version=offer.named.version,
                offer=offer.named.offer,
                region=offer.named.region,
                notes=offer.notes,
                rates=offer.rates,
            )
            for offer in kept
        ],
        facts=[fact for fact in facts if fact.value not in (None, "", [])],
        related=purposes.related_words(base),
    )


def _best_first(group: list[Offer], maker: str) -> list[Offer]:
    """The maker's own offers first, then the ones whose provider describes most."""
    return sorted(
        group,
        key=lambda offer: (
            offer.named.family_maker != maker or offer.named.stated_maker != "",
            -len(offer.description),
            offer.provider.slug,
        ),
    )


def _described(group: list[Offer], maker: str) -> Offer | None:
    return next((offer for offer in _best_first(group, maker) if offer.description), None)


def _context(told: known.Known, group: list[Offer], maker: str) -> tuple[int | None, str]:
    if told.input_tokens:
        return told.input_tokens, known.SOURCE
    listed = [offer.context_tokens for offer in _best_first(group, maker) if offer.context_tokens]
    return (listed[0], offers.SOURCE) if listed else (None, offers.SOURCE)


def _versions(group: list[Offer], told: known.Known, ending: str, today: dt.date) -> list[VersionDraft]:
    """Each release, with the day on which its maker ends it, or else all of the model, and what follows for it."""
    ends = dict(told.deprecated_versions)
    found: dict[str, VersionDraft] = {}
    for offer in group:
        label = offer.named.version
        version = found.setdefault(label, VersionDraft(label, deprecated_on=ends.get(label) or told.deprecated_on))
        version.released_on = version.released_on or offer.named.released_on
    for label, version in found.items():
        is_near = label in ends and ends[label] <= today + _SOON
        version.ending = ending or (Lifecycle.DEPRECATED if is_near else "")
    return [found[label] for label in sorted(found)]


def _ending(told: known.Known, group: list[Offer], today: dt.date) -> str:
    """Retired once its maker's date has passed and at most its maker still lists it; deprecated when that is near;
    else nothing."""
    elsewhere = {offer.provider.slug for offer in group if not offer.is_deprecated}
    if told.deprecated_on and told.deprecated_on <= today:
        return Lifecycle.DEPRECATED if len(elsewhere) > 2 else Lifecycle.RETIRED
    if (told.deprecated_on and told.deprecated_on <= today + _SOON) or not elsewhere:
        return Lifecycle.DEPRECATED
    return ""


def _is_preview(base: str) -> bool:
    """Whether its maker calls it unfinished."""
    words = ("preview", "exp", "experimental", "beta", "alpha")
    return base not in _NAMED_BETA and any(word in base.split("-") for word in words)


def _modalities_in(told: known.Known, capabilities: tuple[str, ...], mode: str) -> list[str]:
    found = {"audio"} if mode in ("transcription", "realtime") else {"text"}
    found |= set(told.modalities_in)
    for capability, modality in (
        ("vision", "image"),
        ("documents", "pdf"),
        ("audio-input", "audio"),
        ("video-input", "video"),
    ):
        if capability in capabilities:
            found.add(modality)
    return [each for each in ("text", "image", "pdf", "audio", "video") if each in found]


def _modalities_out(told: known.Known, mode: str) -> list[str]:
    if told.modalities_out:
        return list(told.modalities_out)
    return {
        "image-generation": ["image"],
        "speech": ["audio"],
        "realtime": ["audio", "text"],
        "embedding": ["vector"],
    }.get(mode, ["text"])


def _discount_facts(folded: list[Offer]) -> list[FactDraft]:
    """Batch prices and free tiers of a model that is also offered in the ordinary way."""
    batch = {
        offer.upstream: {"input": str(offer.rates[-1].input), "output": str(offer.rates[-1].output)}
        for offer in folded
        if offer.named.offer == "batch" and offer.rates
    }
    free = sorted(f"{offer.provider.name}: {offer.upstream}" for offer in folded if offer.named.offer == "free")
    return [
        FactDraft("batch prices", batch or None, offers.SOURCE),
        FactDraft("free tiers", free, offers.SOURCE),
    ]


def _slug(maker: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in maker.lower()).strip("-")


def local_model() -> ModelDraft:
    """The model that is served here: SmolLM2-135M-Instruct, whose weights come with the installation."""
    card = "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct"
    capabilities: list[str] = []
    return ModelDraft(
        slug="smollm2-135m-instruct",
        fields={
            "name": "SmolLM2 135M Instruct",
            "developer": "Hugging Face",
            "purpose": "Very small chat model that runs on this installation: "
            "for trying things out and for tests, not for facts.",
            "description": "SmolLM2 is a family of compact language models (135M, 360M and 1.7B parameters). "
            "The smallest one follows simple instructions in English, rewrites and summarises short texts. "
            "It is often wrong about facts.",
            "mode": "chat",
            "licence": "Apache-2.0",
            "capabilities": capabilities,
            "modalities_in": ["text"],
            "modalities_out": ["text"],
            "context_tokens": 8192,
            "max_output_tokens": None,
            "is_preview": False,
            "released_on": dt.date(2024, 10, 31),
            "is_pinned": True,
        },
        versions=[VersionDraft("", released_on=dt.date(2024, 10, 31))],
        deployments=[],
        facts=[
            FactDraft("context tokens", 8192, "model card on huggingface.co", card),
            FactDraft("licence", "Apache-2.0", "model card on huggingface.co", card),
            FactDraft("parameters", "135M", NAME_ITSELF),
            FactDraft("served by", "this installation's own model server", PLATFORM_TEAM),
        ],
        related="local own on-premises data stays here private offline try test tiny small summarise rewrite "
        "free of contract",
    )
