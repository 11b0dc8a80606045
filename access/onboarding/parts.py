"""The parts of setting a team up, in their order. Each may be begun again, and finds what it did before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from django.conf import settings
from django.db.models import QuerySet

from access.asking import GrantedAlready, request_access
from access.conditions import Conditions, read
from access.granting import RouteDisabled, grant
from access.keys.asking import permit
from access.keys.capability import who_decides
from access.models import KeyPermit, Onboarding
from access.onboarding.estimating import estimate
from access.onboarding.forms import LEVELS, plain_names
from approvals.states import APPROVED_STATES
from approvals.submit import OpenRequestExists, before_several
from audit.record import SYSTEM
from catalog.models import Route
from refusals import Refusal
from tenants.data_sent import state_data
from tenants.invite import AddressNotUnderstood, InvitedAlready, invite
from tenants.memberships import MemberAlready, add_member
from tenants.models import Environment, Tenant, User
from tenants.notifications import notify
from tenants.own_addresses import people_by_address
from tenants.scoping import people_above_who_may
from tenants.structure import SlugTaken, create_project
from ui.formatting import exact_count, money
from usage.limits.budgets import set_budget
from usage.limits.effective import UNITS
from usage.limits.places import of_tenant
from usage.limits.setting import set_limits


@dataclass(frozen=True)
class Part:
    """A step of the setting up: its name in `progress`, what people read, and what it does; its result in words."""

    slug: str
    title: str
    do: Callable[[Onboarding, Tenant], str]


def _tenant(onboarding: Onboarding, tenant: Tenant) -> str:
    return str(tenant)  # created with the decision


def _project(onboarding: Onboarding, tenant: Tenant) -> str:
    case = onboarding.answers["use-case"]
    if not case["project_slug"]:
        return "no use case was named"
    try:
        made = create_project(
            tenant=tenant, slug=case["project_slug"], name=case["project_name"], purpose=case["purpose"], by=SYSTEM
        )
        for environment in made.environments.all():
            state_data(environment=environment, data_classes=case.get("data_classes", ()), by=SYSTEM)
    except SlugTaken:
        return f"{case['project_name']} was there already"
    return f"{made}, with development, test and production"


def _people(onboarding: Onboarding, tenant: Tenant) -> str:
    """Who is named by user name, or by an address that is surely theirs, becomes a member; others are invited.

    The invitations' mails leave when this step is done for good: with its transaction.
    """
    named = [(row["person"], row["role"]) for row in onboarding.answers.get("people", {}).get("people", ())]
    owners = people_by_address(name.lower() for name, _ in named if "@" in name)
    added, invited, left_out = [], [], []
    for name, role in named:
        known = owners.get(name.lower()) or User.objects.filter(username=name, is_active=True).first()
        if known == onboarding.requester:
            continue
        try:
            if known is None:
                invited.append(invite(tenant=tenant, email=name, role=role, by=onboarding.requester).invitation.email)
            else:
                add_member(tenant=tenant, user=known, role=role, by=onboarding.requester, seen="")
                added.append(str(known))
                path = tenant.get_absolute_url()
                notify([known], kind="membership", title=f"You are in {tenant} now", path=path, tenant=tenant)
        except (MemberAlready, InvitedAlready):
            continue  # somebody was faster
        except AddressNotUnderstood:  # the account has gone since
            left_out.append(name)
    became = (("added", added), ("invited", invited), ("without an account by now, so left out:", left_out))
    return "; ".join(f"{verb} {', '.join(who)}" for verb, who in became if who) or "nobody else was named"


def _access(onboarding: Onboarding, tenant: Tenant) -> str:
    """A grant for each model in each environment that the board approved, on the record of its decision. Where no board
    looked at the team, they are asked for as by anybody else."""
    wanted = onboarding.answers.get("models", {"routes": [], "environments": []})
    case = onboarding.answers["use-case"]
    places = Environment.objects.filter(
        tenant=tenant, project__slug=case["project_slug"], kind__in=wanted["environments"]
    ).select_related("tenant", "project")
    if not _seen_by_a_board(onboarding):
        return _asked_for(onboarding, wanted["routes"], places)
    decision = onboarding.request.decision if onboarding.request else None
    given, refused = [], []
    for route in Route.objects.filter(slug__in=wanted["routes"]).select_related("model").order_by("slug"):
        try:
            for environment in places:
                grant(
                    environment=environment, route=route, decision=decision, purpose=case["purpose"],
                    conditions=_within(onboarding), expires_at=decision.valid_until if decision else None, by=SYSTEM,
                )  # fmt: skip
            given.append(route.slug)
        except RouteDisabled:
            refused.append(route.slug)
    words = f"{', '.join(given)} in {', '.join(wanted['environments'])}" if given else "no model was asked for"
    return f"{words}; switched off meanwhile: {', '.join(refused)}" if refused else words


def _within(onboarding: Onboarding) -> Conditions:
    """Nothing is sent but the classes of data that the team has named; what it was asked for is what it is given."""
    return read({"data_classes": onboarding.answers["use-case"].get("data_classes") or None})


def _seen_by_a_board(onboarding: Onboarding) -> bool:
    """Not where it is left to who asks whether a team becomes a tenant: then nobody decided on what it wants."""
    return onboarding.request is None or onboarding.request.policy_id is not None


def _asked_for(onboarding: Onboarding, routes: list[str], places: QuerySet[Environment]) -> str:
    before_several()
    list(places.select_for_update(of=("self",), no_key=True).order_by("pk"))
    told = []
    for route in Route.objects.filter(slug__in=routes).select_related("model").order_by("slug"):
        for environment in places.order_by("created_at"):
            try:
                sent = request_access(
                    environment=environment, route=route, purpose=onboarding.answers["use-case"]["purpose"],
                    conditions=_within(onboarding), by=onboarding.requester,
                )  # fmt: skip
            except (OpenRequestExists, GrantedAlready):
                continue  # begun again: it was done before
            except Refusal as refusal:
                told.append(f"{route.slug} in {environment.kind} could not be asked for: {refusal.sentence}")
            else:
                which = "given" if sent.state in APPROVED_STATES else "asked for"
                told.append(f"{route.slug} in {environment.kind} {which} as R-{sent.number}")
    return "; ".join(told) or "no model was asked for"


def _bounds(onboarding: Onboarding, tenant: Tenant) -> str:
    """The limits that every new tenant begins with, and a budget that warns from what it expects to spend."""
    place = of_tenant(tenant)
    limits = set_limits(place=place, amounts=settings.NEW_TENANT_LIMITS, by=SYSTEM)
    told = [f"{exact_count(amount)} {UNITS[metric]}" for metric, amount in limits.items()]
    expected = estimate(onboarding.answers)
    month = dict(expected.sums).get(settings.CURRENCY, Decimal(0)) if expected else Decimal(0)
    if month > 0:
        amount = month.quantize(Decimal(1), rounding=ROUND_UP)
        set_budget(place=place, amount=amount, by=SYSTEM)
        told.append(f"a budget of {money(amount, settings.CURRENCY)} a month, as expected, which warns")
    return ", ".join(told) or "none"


def _keys(onboarding: Onboarding, tenant: Tenant) -> str:
    """A key is shown once, to a person, so nobody makes one here: it waits to be collected. Where the platform decides
    on keys, it has decided on these with the team, if a board saw it."""
    if not _seen_by_a_board(onboarding):
        return "are issued, or asked for, on the welcome page, one for each environment"
    places = Environment.objects.filter(tenant=tenant).select_related("tenant", "project")
    for environment in places:
        permitted = KeyPermit.objects.filter(environment=environment, user=onboarding.requester)
        if who_decides(environment) is not None and not permitted.exists():
            permit(environment=environment, user=onboarding.requester, request=onboarding.request, by=SYSTEM)
    return "wait to be collected on the welcome page, one for each environment"


def _isolation(onboarding: Onboarding, tenant: Tenant) -> str:
    level = onboarding.answers.get("isolation", {}).get("level", "shared")
    if level == "shared":
        return "shared, held apart in code and database"
    words = plain_names([level], LEVELS).lower()
    notify(
        people_above_who_may("tenants.add_tenant"),
        kind="platform",
        title=f"{tenant} was approved with {words}",
        body="The tenant works in the shared installation until you have set up its own.",
        path=tenant.get_absolute_url(),
        tenant=tenant,
    )
    return f"{words} is set up by the platform team, who were told; until then it works shared"


PARTS: tuple[Part, ...] = (
    Part("tenant", "The tenant and its owner", _tenant),
    Part("project", "The project and its environments", _project),
    Part("people", "Members in their roles", _people),
    Part("access", "Access to models", _access),
    Part("bounds", "Limits and budget", _bounds),
    Part("keys", "First keys", _keys),
    Part("isolation", "Isolation", _isolation),
)
