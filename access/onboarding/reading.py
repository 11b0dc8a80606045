"""What an onboarding says, read by people: its answers in words, for who asks and for who looks after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from access.models import Onboarding
from access.onboarding.forms import AFFECTED, AUTONOMY, LEVELS, PRACTICES, REGIONS, plain_names
from access.onboarding.pages import STEPS, Step
from refusals.errors import Missing
from tenants.data_classes import DATA_CLASSES
from tenants.models import Environment, User
from tenants.roles import TENANT_ROLES

LOOKS_AFTER = "tenants.add_tenant"


@dataclass(frozen=True)
class Section:
    """A page's answers in words; none where it is unanswered."""

    step: Step
    facts: list[tuple[str, str]]


def find_for(viewer: User, pk: Any) -> Onboarding:
    """One's own, or any that was sent for who may create tenants. Raises `Missing`."""
    found = Onboarding.objects.filter(pk=pk).select_related("request", "tenant", "requester").first()
    if found is None or not (found.requester_id == viewer.pk or (found.request_id and viewer.has_perm(LOOKS_AFTER))):
        raise Missing("There is no such draft of yours.")
    return found


def read_out(onboarding: Onboarding) -> list[Section]:
    """Every page in order with its answers in words."""
    return [Section(step, _words(step.slug, onboarding.answers.get(step.slug))) for step in STEPS]


def _ticked(name: str, practices: list[str] | None) -> list[tuple[str, str]]:
    return [(name, plain_names(practices, PRACTICES))] if practices else []


def _words(page: str, given: dict[str, Any] | None) -> list[tuple[str, str]]:
    if given is None:
        return []
    match page:
        case "team":
            return [
                ("Name", f"{given['name']} ({given['slug']})"),
                ("Line of business", given["line_of_business"]),
                ("Cost centre", given["cost_centre"]),
                ("Sponsor", given["sponsor"]),
            ]
        case "use-case":
            return [
                ("Use case", f"{given['project_name']} ({given['project_slug']})"),
                ("Purpose", given["purpose"]),
                ("Data", plain_names(given["data_classes"], DATA_CLASSES)),
                ("Who feels it", f"{AFFECTED[given['affected']]}; about {given['users']:,} people use it"),
                ("Decides about people", "Yes" if given["about_people"] == "yes" else "No"),
                ("Autonomy", AUTONOMY[given["autonomy"]]),
                ("Region", REGIONS[given["region"]]),
                *_ticked("Prohibited practices", given.get("practices")),
            ]
        case "people":
            rows = [(row["person"], TENANT_ROLES[row["role"]].name) for row in given["people"]]
            return rows or [("People", "Nobody yet, besides you as the owner")]
        case "models":
            kinds = dict(Environment.Kind.choices)
            where = ", ".join(str(kinds[kind]) for kind in given["environments"]) if given["routes"] else ""
            shown = [("Models", ", ".join(given["routes"]) or "None yet"), ("In", where), ("Tools", given["tools"])]
            return [(name, words) for name, words in shown if words]
        case "volume":
            calls = [(f"Calls of {slug} a day", f"{count:,}") for slug, count in given["calls_per_day"].items()]
            return [*calls, ("Tokens a call", f"{given['input_tokens']:,} in, {given['output_tokens']:,} out")]
        case "isolation":
            shown = [("Kept apart", plain_names([given["level"]], LEVELS)), ("Because", given["reason"])]
            return [(name, words) for name, words in shown if words]
    return [("Terms", f"Accepted, version {given['version']}")]
