"""A new tenant as a subject of governance: what a board sees of it, and what its approval brings about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from access.models import Onboarding
from access.onboarding import provisioning
from access.onboarding.forms import AFFECTED, AUTONOMY, LEVELS, PRACTICES, REGIONS, plain_names
from access.onboarding.sending import KIND, facts_of, refuse_unfit
from approvals.delegation.capabilities import Capability, Threshold
from approvals.delegation.tables import Mode
from approvals.evidence.collectors import Collector
from approvals.models import Decision, Request
from approvals.policy_conditions import Traits
from approvals.subjects import Evidence, FactsStay, SubjectKind
from tenants.alike import name_skeleton
from tenants.data_classes import DATA_CLASSES
from tenants.models import Tenant, User
from tenants.risk.tiers import TIERS, WORDS
from tenants.roles import TENANT_ROLES
from tenants.scope import everything
from tenants.structure import reserve_slug

SAYS = "Requester"

NEW_TENANTS = Capability(
    slug=KIND,
    name="New tenants",
    sentence="Whether a team becomes a tenant.",
    means={
        Mode.PLATFORM: "A board decides on every new team.",
        Mode.ABOVE: "A team whose use case is no riskier than the threshold is set up as it asks; boards decide else. "
        "Models and keys it asks for as any other.",
        Mode.TENANT: "Every team is set up as it asks. Models and keys it asks for as any other.",
    },
    default=Mode.PLATFORM,
    kinds=(KIND,),
    thresholds=(Threshold("risk_tier", "Up to", levels=tuple((tier, WORDS[tier]) for tier in TIERS[:-1])),),
    order=10,
)


def _lock(request: Request) -> None:
    reserve_slug(request.facts["slug"])


def _approved(request: Request, decision: Decision, by: Any) -> None:
    provisioning.begin(request, by=by)


def _evidence(request: Request) -> list[Evidence]:
    facts, requester = request.facts, request.requester
    with everything("other tenants of the same name are counted, not named"):
        others = Tenant.objects.exclude(slug=facts["slug"]).order_by().values_list("name", flat=True)
        alike = sum(name_skeleton(name) == name_skeleton(facts["name"]) for name in others)
        elsewhere = [f"{m.tenant} ({m.role})" for m in requester.memberships.select_related("tenant")]
    project = f"{facts['project_name']} ({facts['project_slug']})" if facts["project_slug"] else "none yet"
    return [
        Evidence("Name", f"{facts['name']} ({facts['slug']})", SAYS),
        *_of_the_answers(facts),
        Evidence("Cost centre", facts["cost_centre"] or "not stated", SAYS),
        Evidence("First project", project, SAYS),
        Evidence("Future owner", str(requester), SAYS),
        Evidence("Their other tenants", ", ".join(elsewhere) or "none", "Tenants"),
        # Counted, not named: the requester reads this too. Whoever may see other tenants finds them behind the path.
        Evidence(
            "Tenants whose name looks the same",
            str(alike or "none"),
            "Tenants",
            path=f"{reverse('tenants:list')}?{urlencode({'q': facts['name']})}" if alike else "",
        ),
    ]


def _of_the_answers(facts: dict[str, Any]) -> list[Evidence]:
    answers = facts.get("answers")
    if not answers:  # asked before there was a wizard
        return []
    team, case, models = answers["team"], answers["use-case"], answers["models"]
    people = answers["people"]["people"]
    kept = answers["isolation"]
    return [
        _risk(facts),
        Evidence("Line of business", team["line_of_business"], SAYS),
        Evidence("Sponsor", team["sponsor"], SAYS),
        Evidence("Data", plain_names(case["data_classes"], DATA_CLASSES), SAYS),
        Evidence("Who feels it", f"{AFFECTED[case['affected']]}; about {case['users']:,} use it", SAYS),
        Evidence("Decides about people", "yes" if case["about_people"] == "yes" else "no", SAYS),
        Evidence("Autonomy", AUTONOMY[case["autonomy"]], SAYS),
        Evidence("Region", REGIONS[case["region"]], SAYS),
        *_practices(case),
        Evidence(
            "People", ", ".join(f"{p['person']} ({TENANT_ROLES[p['role']].name})" for p in people) or "none yet", SAYS
        ),
        Evidence("Models", ", ".join(models["routes"]) or "none yet", SAYS),
        Evidence("In environments", ", ".join(models["environments"]) if models["routes"] else "none yet", SAYS),
        Evidence("Tools and agents", models["tools"] or "none", SAYS),
        Evidence("Isolation", _isolation(kept), SAYS),
        Evidence("Terms", f"accepted, version {answers['terms']['version']}", SAYS),
    ]


def _practices(case: dict[str, Any]) -> list[Evidence]:
    ticked = [PRACTICES[each] for each in case.get("practices", [])]
    return [Evidence("Prohibited practices", "; ".join(ticked), SAYS)] if ticked else []


def _risk(facts: dict[str, Any]) -> Evidence:
    return Evidence(
        "Risk tier", f"{WORDS[facts['risk_tier']]}. {' '.join(facts['risk_reasons'])}", "Rules on the answers"
    )


def _glance(request: Request) -> list[Evidence]:
    return [_risk(request.facts)] if request.facts.get("answers") else []


def _isolation(kept: dict[str, Any]) -> str:
    words = plain_names([kept["level"]], LEVELS)
    return f"{words}: {kept['reason']}" if kept.get("reason") else words


def _forecast(request: Request) -> list[Evidence]:
    answers = request.facts.get("answers")
    if not answers:
        return []
    volume = answers["volume"]
    calls = ", ".join(f"{count:,} of {slug}" for slug, count in volume["calls_per_day"].items()) or "not stated"
    cost = ", ".join(request.facts["expected_cost_a_month"]) or "nothing that has a price"
    length = f"{volume['input_tokens']:,} tokens in and {volume['output_tokens']:,} out a call"
    source = f"{length}, prices of the day it was sent"
    return [Evidence("Expected calls a day", calls, SAYS), Evidence("Expected cost a month", cost, source)]


def _traits(facts: Mapping[str, Any]) -> Traits:
    answers = facts.get("answers") or {}
    case = answers.get("use-case", {})
    return Traits(
        risk_tiers=frozenset([facts["risk_tier"]] if facts.get("risk_tier") else []),
        data_classes=frozenset(case.get("data_classes", ())),
        regions=frozenset([case["region"]] if case.get("region") else []),
    )


def _revise(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    """They follow from the answers of the wizard, where these are changed and, once they were, sent."""
    kept = Onboarding.objects.filter(request=request).first()
    if facts or (kept is not None and kept.state == Onboarding.State.DRAFT):
        raise FactsStay("Change the answers of the wizard, and send them again there.", way_out=_again(request))
    if kept is None:  # asked before there was a wizard
        return request.facts
    refuse_unfit(kept)
    return facts_of(kept)


def _page(request: Request) -> str:
    onboarding = Onboarding.objects.filter(request=request).first()
    if onboarding is not None and onboarding.state in ("provisioning", "failed"):
        return onboarding.get_absolute_url()
    return request.tenant.get_absolute_url() if request.tenant else ""  # not another's that has the name by now


def _again(request: Request) -> str:
    """The answers, unless they were sent anew since."""
    kept = Onboarding.objects.filter(request=request).select_related("request").first()
    return kept.get_absolute_url() if kept is not None and kept.is_editable else ""


ONBOARDING = SubjectKind(
    slug=KIND,
    name="A new tenant",
    effect="The tenant is set up with the requester as its owner: project, environments, people and access to models.",
    on_approved=_approved,
    lock=_lock,
    collectors=(
        Collector(
            "answers",
            "The team and its use case",
            "What the team answered, its risk tier, and tenants that look alike.",
            dt.timedelta(days=7),
            _evidence,
        ),
    ),
    glance=_glance,
    forecast=_forecast,
    revise=_revise,
    traits=_traits,
    page=_page,
    again=_again,
    looks_at=(
        "Is it a team or line of business, and does somebody answer for it?",
        "Does the risk tier fit what the use case does, with which data, to whom?",
        "Are the models and environments right for that data?",
        "Is the cost centre right, and the volume plausible?",
        "Is there a tenant for this team already?",
    ),
    capability=KIND,
    measure=lambda facts, environment_kind: {"risk_tier": facts.get("risk_tier")},
)
