"""Which decisions that the audit tells of went with a demonstration before there was a chain of seals: they have no
seal that would say so."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.sealing.tables import Seal
from audit.models import Entry
from tenants.departed import REMOVED
from tenants.models import User

type Place = tuple[object, int]  # day and sequence in the audit


@dataclass(frozen=True)
class _Removal:
    place: Place
    tenants: frozenset[str]  # by their short names


def went_with_a_demonstration(decided: Entry) -> bool:
    """Whether `decided`, older than the first seal, is about a request in a tenant that a later removal names, or, in
    no tenant, of a person who went with it."""
    first = Seal.objects.order_by("sequence").values_list("sealed_at", flat=True).first()
    if first is not None and decided.at >= first:
        return False
    later = [each for each in _removals() if (decided.day, decided.sequence) < each.place]
    if decided.tenant:
        return any(decided.tenant in each.tenants for each in later)
    return bool(later) and _requester_went(decided)


def _removals() -> list[_Removal]:
    found = []
    for entry in Entry.objects.filter(verb=REMOVED):
        keys = [str(key) for key in entry.facts.get("tenant_ids", ())]
        known = Entry.objects.filter(subject_kind="tenant", subject_id__in=keys).exclude(tenant="")
        slugs = known.order_by().values_list("tenant", flat=True).distinct()
        found.append(_Removal((entry.day, entry.sequence), frozenset(slugs)))
    return found


def _requester_went(decided: Entry) -> bool:
    """Their account is gone, or kept without a use as real records name it (`portal.demonstration.removing`)."""
    asked = Entry.objects.filter(verb="request.submitted", subject_id=decided.subject_id).first()
    if asked is None:
        return False
    user = User.objects.filter(pk=asked.actor_id).first()
    return user is None or (not user.is_active and ".until-" in user.username)
