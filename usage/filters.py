"""Which calls a page is about, beside the period: filters as addresses say them, on calls and on totals alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from refusals.errors import Invalid
from tenants.models import User
from usage.models import DETOUR, Call

LONGEST = 200
# How a call may have gone another way than to the first deployment at once: in words, and as a condition.
DETOURS: dict[str, tuple[str, Q]] = {
    "any": ("Any detour", DETOUR),
    "retried": ("Sent to another deployment", Q(attempts__gt=1)),
    "fallback": ("Answered by a fallback", Q(fell_back=True)),
    "queued": ("Waited for room", Q(waited_ms__gt=0)),
}
PLAYGROUND = "playground"  # stands for the key of calls that were made without one; no prefix is written so


class FilterNotUnderstood(Invalid):
    code = "filter_not_understood"


@dataclass(frozen=True)
class Filters:
    """Empty texts filter nothing. `tenant` a slug, `project` `tenant/project`, `environment` a kind, `route` a name,
    `provider` a slug, `key` a prefix (or `playground`: without a key), `person` a username, `detour` a key of
    `DETOURS`; the last four only calls have, totals do not."""

    tenant: str = ""
    project: str = ""
    environment: str = ""
    route: str = ""
    provider: str = ""
    key: str = ""
    person: str = ""
    outcome: str = ""
    origin: str = ""
    request: str = ""
    detour: str = ""

    @property
    def in_force(self) -> dict[str, str]:
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}

    def apply[M: Model](self, rows: QuerySet[M]) -> QuerySet[M]:
        """`rows` of `Call` or `Rollup` that fit."""
        wanted = Q()
        if self.tenant:
            wanted &= Q(tenant__slug=self.tenant)
        if self.project:
            tenant, _, project = self.project.partition("/")
            wanted &= Q(project__slug=project, tenant__slug=tenant)
        if self.environment:
            wanted &= Q(environment__kind=self.environment)
        if self.route:
            wanted &= Q(route=self.route)
        if self.provider:
            wanted &= Q(provider=self.provider)
        if self.key:
            wanted &= Q(key_prefix="" if self.key == PLAYGROUND else self.key)
        if self.person:
            wanted &= Q(user__username=self.person)
        if rows.model is Call:
            wanted &= self._of_calls()
        return rows.filter(wanted)

    def _of_calls(self) -> Q:
        wanted = Q()
        if self.outcome == "errors":
            wanted &= Q(outcome__in=("failed", "interrupted")) & ~Q(outcome="ok")
        elif self.outcome:
            wanted &= Q(outcome=self.outcome)
            if self.outcome != "ok":
                wanted &= ~Q(outcome="ok")  # says nothing new, but lets the partial index be used
        if self.origin:
            wanted &= Q(origin=self.origin)
        if self.detour:
            wanted &= DETOURS[self.detour][1] & DETOUR  # the latter says nothing new, as above
        if self.request:
            wanted &= Q(request_id=self.request) | _of_trace(self.request)
        return wanted


def _of_trace(told: str) -> Q:
    """The calls of a trace, where `told` can be one's identifier."""
    try:
        return Q(trace_id=UUID(hex=told))
    except ValueError:
        return Q(pk__in=())


def filters_of(query: Mapping[str, str], viewer: User) -> Filters:
    """The filters that `query` names; `person=me` is the viewer. Raises `FilterNotUnderstood`."""
    chosen = {field.name: query.get(field.name, "").strip() for field in fields(Filters)}
    for name, value in chosen.items():
        if len(value) > LONGEST or "\0" in value:
            raise FilterNotUnderstood(f"The filter “{name}” cannot be read. Take it away.", field=name)
    if chosen["project"] and "/" not in chosen["project"] and chosen["tenant"]:
        chosen["project"] = f"{chosen['tenant']}/{chosen['project']}"
    if chosen["environment"].count("/") == 2:
        tenant, project, chosen["environment"] = chosen["environment"].split("/")
        chosen["project"] = f"{tenant}/{project}"
    if chosen["person"] == "me":
        chosen["person"] = viewer.username
    known = {"outcome": {*Call.Outcome.values, "errors"}, "origin": {*Call.Origin.values}, "detour": {*DETOURS}}
    for name, values in known.items():
        if chosen[name] and chosen[name] not in values:
            raise FilterNotUnderstood(f"The filter “{name}” is one of {', '.join(sorted(values))}.", field=name)
    return Filters(**chosen)
