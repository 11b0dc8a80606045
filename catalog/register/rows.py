"""The rows of the register: every model version that is in use, served or held, with what is known of it.

The tier follows from rules and is not kept, so rows are put together and sorted here. There are as many as an
organisation uses models: hundreds, not hundreds of thousands.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from catalog.cards.pages import gaps_of
from catalog.lifecycle.states import FURTHEST_FIRST, Lifecycle, Verb
from catalog.models import CardEdition, Deployment, LifecycleStep, ModelVersion, TermsText
from catalog.register import holding
from catalog.register.holding import Counts, Held
from catalog.risk.assessing import risk_of_version
from tenants.risk.tiers import TIERS, Risk

BEGUN = (Lifecycle.IN_USE, Lifecycle.DEPRECATED)
REVIEWS = {"overdue": "Review overdue", "none": "No review set"}
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Row:
    """One model version of the register."""

    version: ModelVersion
    edition: CardEdition | None
    deployments: tuple[Deployment, ...]
    counts: Counts
    held: Held
    risk: Risk
    gaps: tuple[str, ...]
    approved_on: dt.datetime | None

    @property
    def places(self) -> list[str]:
        """Its providers, each with the region where it computes."""
        told = {
            f"{each.provider.name} ({each.region or each.provider.region or 'region not stated'})": None
            for each in self.deployments
        }
        return list(told)

    @property
    def last_decision(self) -> dt.datetime | None:
        """The later of its approval in the catalog and the last decision on access to it."""
        known = [at for at in (self.approved_on, self.held.decided_at) if at]
        return max(known, default=None)

    @property
    def is_overdue(self) -> bool:
        review = self.version.next_review_on
        return review is not None and review < timezone.now().date()


SORTS: dict[str, Callable[[Row], Any]] = {
    "model": lambda row: (row.version.model.name.lower(), row.version.label),
    "owner": lambda row: str(row.version.owner or "\uffff").lower(),
    "tier": lambda row: TIERS.index(row.risk.tier),
    "lifecycle": lambda row: FURTHEST_FIRST.index(Lifecycle(row.version.lifecycle)),
    "held": lambda row: row.counts.environments,
    "decided": lambda row: row.last_decision or _NEVER,
    "review": lambda row: row.version.next_review_on or dt.date.max,
    "gaps": lambda row: len(row.gaps),
}


@dataclass(frozen=True)
class Asked:
    """What somebody looks for: words, and values of filters; empty: all."""

    text: str = ""
    lifecycle: str = ""
    tier: str = ""
    gap: str = ""
    review: str = ""
    category: str = ""
    sort: str = ""


def find(viewer: object, asked: Asked) -> list[Row]:
    """The rows that fit, as far as `viewer` may see who holds them; the riskiest first unless told."""
    return choose(everything(viewer), asked)


def everything(viewer: object) -> list[Row]:
    """Every row."""
    served = Deployment.objects.filter(targets__route__is_enabled=True).values("version")
    counts = holding.counts()
    chosen = Q(lifecycle=Lifecycle.IN_USE) | Q(pk__in=list(counts)) | Q(pk__in=served)
    approvals = LifecycleStep.objects.filter(version=OuterRef("pk"), verb=Verb.APPROVE).order_by("-at").values("at")
    found = ModelVersion.objects.filter(chosen).select_related("model", "owner")
    found = found.annotate(approved_on=Subquery(approvals[:1]))
    unread = ("embedding", "search_vector", "search_text", "description")
    return _rows(viewer, counts, list(found.defer(*(f"model__{name}" for name in unread))))


def choose(rows: list[Row], asked: Asked) -> list[Row]:
    """Those of `rows` that fit, in order."""
    fitting = [row for row in rows if _fits(row, asked)]
    name = asked.sort.removeprefix("-")
    if name not in SORTS:
        return sorted(fitting, key=lambda row: (-TIERS.index(row.risk.tier), SORTS["model"](row)))
    fitting.sort(key=SORTS["model"])
    return sorted(fitting, key=SORTS[name], reverse=asked.sort.startswith("-"))


def _rows(viewer: object, counts: Mapping[UUID, Counts], versions: Sequence[ModelVersion]) -> list[Row]:
    """The rows of these versions; four questions of the database however many they are."""
    keys = [version.pk for version in versions]
    editions = {
        each.version_id: each
        for each in CardEdition.objects.filter(version__in=keys)
        .defer("text", "metadata")
        .order_by("version_id", "-number")
        .distinct("version_id")
    }
    terms: dict[UUID, list[TermsText]] = defaultdict(list)
    for text in TermsText.objects.filter(version__in=keys).defer("text"):
        terms[text.version_id].append(text)
    deployments: dict[UUID, list[Deployment]] = defaultdict(list)
    rows = Deployment.objects.filter(version__in=keys, gone_at=None, is_enabled=True)
    for each in rows.exclude(provider__base_url="").select_related("provider"):
        deployments[each.version_id].append(each)
    held = holding.held_by(viewer, keys)
    return [
        Row(
            version=version,
            edition=(edition := editions.get(version.pk)),
            deployments=tuple(deployments[version.pk]),
            counts=(count := counts.get(version.pk, Counts())),
            held=held.get(version.pk, Held()),
            risk=risk_of_version(version, edition, terms[version.pk], deployments[version.pk], count),
            gaps=tuple(_gaps(version, edition, terms[version.pk])),
            approved_on=vars(version)["approved_on"],
        )
        for version in versions
    ]


def _gaps(version: ModelVersion, edition: CardEdition | None, terms: list[TermsText]) -> list[str]:
    missing = gaps_of(version, edition, terms)
    if version.lifecycle in BEGUN and vars(version)["approved_on"] is None:
        missing.append("in use without an approval of the catalog")
    return missing


def _fits(row: Row, asked: Asked) -> bool:
    return (
        _holds(row, asked.text)
        and (not asked.lifecycle or row.version.lifecycle == asked.lifecycle)
        and (not asked.tier or row.risk.tier == asked.tier)
        and (not asked.gap or asked.gap in row.gaps)
        and (not asked.category or any(each.key == asked.category for each in row.risk.maps))
        and (asked.review != "overdue" or row.is_overdue)
        and (asked.review != "none" or row.version.next_review_on is None)
    )


def _holds(row: Row, text: str) -> bool:
    """Whether every word of `text` is in its model, version, maker or owner."""
    version, model = row.version, row.version.model
    owner = f"{version.owner} {version.owner.username}" if version.owner else ""
    words = f"{model.name} {model.slug} {version.label} {model.developer} {owner}".lower()
    return all(word in words for word in text.lower().split())
