"""Calls that were begun and are not in the ledger yet, kept in the database where the gateway opens them there first
(`GATEWAY_DURABILITY=database`), and the processes that hold them.

An opening goes in the transaction that writes its call into the ledger (`usage.ledger`), or with its holder, when that
is gone (`usage.taking_over`).
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection, models
from django.utils import timezone

from tenants.models import Tenant


class Holder(models.Model):
    """A gateway process that opens its calls here. `name` is its journal's; `beats` grow as long as it lives."""

    shared_because = "a process of the gateway serves every tenant"

    name = models.CharField(max_length=80, primary_key=True)
    beats = models.PositiveBigIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Opening(models.Model):
    """A call under way. `row` is that of the interrupted call which it is if nobody lives to tell its end."""

    id = models.UUIDField(primary_key=True, editable=False)
    # Without an index: it would be written with each call, and the table holds those under way alone.
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    holder = models.ForeignKey(Holder, on_delete=models.PROTECT, related_name="openings")
    row = models.JSONField(help_text="as `usage.calls.CallRecord.row` makes it")
    opened_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.pk} since {self.opened_at:%Y-%m-%d %H:%M:%S}"


# A holder that was taken for gone has no row any more, and nothing may be opened in its name. Openings of a tenant that
# is not there are left out, as the ledger would not take their calls.
OPEN = """
WITH holder AS (
    SELECT name FROM usage_holder WHERE name = %s FOR KEY SHARE
), opened AS (
    INSERT INTO usage_opening (id, tenant_id, holder_id, row, opened_at)
    SELECT told.id, tenant.id, holder.name, told.row::jsonb, now()
      FROM holder CROSS JOIN unnest(%s::uuid[], %s::uuid[], %s::text[]) AS told (id, tenant_id, row)
           JOIN tenants_tenant tenant ON tenant.id = told.tenant_id
     ORDER BY told.id
    ON CONFLICT (id) DO UPDATE SET row = excluded.row
)
SELECT count(*) FROM holder
"""
REGISTER = "INSERT INTO usage_holder (name, beats, since) VALUES (%s, 0, now()) ON CONFLICT DO NOTHING"


def forget(calls: Collection[str]) -> None:
    """The ledger has these calls, or has refused them: they are open no more. In the transaction of whoever asks."""
    with connection.cursor() as cursor:
        cursor.execute(  # in a fixed order, so that those who meet wait for each other instead of deadlocking
            "DELETE FROM usage_opening WHERE id IN"
            " (SELECT id FROM usage_opening WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE)",
            [list(calls)],
        )


def beat(name: str) -> None:
    """The process `name` lives. What it opened too late, when the call was in the ledger already, goes."""
    if Holder.objects.filter(pk=name).update(beats=models.F("beats") + 1):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM usage_opening USING usage_call called"
                " WHERE holder_id = %s AND called.id = usage_opening.id",
                [name],
            )
