"""Take hold of a key to change it. Whoever waited for it finds it as it is by then, wherever it has gone."""

from __future__ import annotations

from refusals.errors import Missing
from tenants.models import ApiKey


def hold(key: ApiKey) -> ApiKey:
    """`key` with its environment, project, tenant and holder, locked until the transaction ends.

    In two statements: where one waits for a lock, PostgreSQL reads the locked row anew and nothing that is joined to
    it, so that a key handed over meanwhile would seem nobody's, and one that moved would seem gone. Raises `Missing`
    when it has left the tenants in reach.
    """
    found = list(ApiKey.objects.select_for_update(no_key=True).filter(pk=key.pk).values_list("pk"))
    if not found:
        raise Missing("There is no such key here any more.")
    rows = ApiKey.objects.select_related("environment__project", "environment__tenant", "tenant", "holder")
    return rows.get(pk=key.pk)
