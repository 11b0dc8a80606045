"""Load the demonstration: one transaction, so that it is there as a whole or not at all."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.record import Actor, record
from portal import start_set
from portal.demonstration import bounds, calls, people, requests, teams
from refusals.errors import Conflict
from tenants.models import Tenant, User

LOADER = Actor("Demonstration", id="demonstration")


class NamesTaken(Conflict):
    code = "names_taken"
    title = "The demonstration's names are in use"


def is_loaded() -> bool:
    """Whether there is demonstration data."""
    return Tenant.objects.filter(is_demonstration=True).exists() or User.objects.filter(is_demonstration=True).exists()


@transaction.atomic
def load() -> dict[str, int]:
    """Load everything and count it; nothing happens when it is loaded already (then the counts are empty).

    Raises `NamesTaken` when real people or tenants have the names that the demonstration uses.
    """
    start_set.load()
    if is_loaded():
        return {}
    _refuse_taken_names()
    users = people.create(by=LOADER)
    environments = teams.create(users, by=LOADER)
    bounds.create(environments, by=LOADER)
    requests.create(users, environments, by=LOADER)
    written = calls.write(users, environments)
    counts: dict[str, Any] = {"people": len(users), "tenants": len(teams.TEAMS), "calls": written}
    record("demonstration.loaded", by=LOADER, **counts)
    return counts


def _refuse_taken_names() -> None:
    taken = [
        *User.objects.filter(username__in=[name for name, _ in people.PEOPLE]).values_list("username", flat=True),
        *Tenant.objects.filter(slug__in=[team.slug for team in teams.TEAMS]).values_list("slug", flat=True),
    ]
    if taken:
        raise NamesTaken(
            f"Real people or tenants have names that the demonstration uses: {', '.join(taken)}. "
            "Load it on an installation of its own (ATRIUM_DATA)."
        )
