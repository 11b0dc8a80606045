"""What is known of a model version, as answers to the questions of `tenants/risk/rules.yaml`, and what tier follows.

The tier is found when it is asked for: a card that was kept a minute ago counts, and nothing has to be brought up to
date.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from catalog.models import CardEdition, Deployment, ModelVersion, TermsText
from catalog.register.holding import Counts
from tenants.regions import is_in
from tenants.risk.tiers import MODEL, Risk, assess

INSIDE = ("here", "eu", "europe", "eu-central", "eu-west", "eu-north", "eu-south", "germany", "france", "sweden")
PERSONAL = {"personal", "special"}
_MEDIA = ("image", "audio", "video")


def risk_of_version(
    version: ModelVersion,
    edition: CardEdition | None,
    terms: Iterable[TermsText],
    deployments: Sequence[Deployment],
    held: Counts,
) -> Risk:
    """The risk of a version with its newest card, its texts, its deployments (with providers) and its holders."""
    return assess(MODEL, answers_of(version, edition, terms, deployments, held))


def answers_of(
    version: ModelVersion,
    edition: CardEdition | None,
    terms: Iterable[TermsText],
    deployments: Sequence[Deployment],
    held: Counts,
) -> dict[str, Any]:
    """The answers, by the key of the question."""
    model = version.model
    return {
        "in_production": _yes(held.production),
        "is_shared": _yes(held.tenants > 1),
        "acts": _acts(model.capabilities),
        "gives": [each for each in model.modalities_out if each in _MEDIA] or ["text"],
        "sees": _sees(deployments),
        "place": _place(deployments),
        "card": _card(edition),
        "licence": _yes(any(each.kind == TermsText.Kind.LICENCE for each in terms)),
    }


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _acts(capabilities: Sequence[str]) -> str:
    if "computer-use" in capabilities:
        return "computer"
    return "tools" if "tools" in capabilities else "no"


def _sees(deployments: Sequence[Deployment]) -> list[str]:
    seen = [each.may_see for each in deployments]
    if any(each is None for each in seen) or not seen:
        return ["any"]
    classes = {name for each in seen for name in each or ()}
    found = ["personal"] if classes & PERSONAL else []
    return [*found, *(["confidential"] if "confidential" in classes else [])] or ["open"]


def _place(deployments: Sequence[Deployment]) -> str:
    regions = [each.region or each.provider.region for each in deployments]
    if not all(regions) or not regions:
        return "unknown"
    return "here" if all(is_in(each, INSIDE) for each in regions) else "elsewhere"


def _card(edition: CardEdition | None) -> list[str]:
    if edition is None:
        return ["whole"]
    lacks = {"no evaluation results": "evaluation", "no risks and mitigations": "risks"}
    return [word for gap, word in lacks.items() if gap in edition.gaps] or ["nothing"]
