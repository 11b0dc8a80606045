"""Erase a tenant part by part, each in a transaction that also writes down that it is done.

What law and billing need stays, without names: the ledger and its totals, what boards decided, and the audit. The
tenant, its projects and environments stay as rows that nothing is called by any more, since the ledger points at them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model
from guardian.models import GroupObjectPermission, UserObjectPermission

from access.offboarding.tables import ExportPiece, Offboarding
from approvals.models import Decision, Request
from tenants.models import Environment, Project, ServiceAccount, Tenant, User
from tenants.owned import owned_models, path_to_tenant

AT_ONCE = 5_000

LEDGER = "what was spent is kept for billing and audit; people, keys and messages in it become pseudonyms"
SHELL = "the ledger points at it; its name, purpose and short name go"
DECIDED = "what boards decided is kept on record; what was asked and never decided goes"
STAYING = {
    "usage.Call": LEDGER,
    "usage.Rollup": LEDGER,
    "tenants.Tenant": SHELL,
    "tenants.Project": SHELL,
    "tenants.Environment": SHELL,
    "approvals.Request": DECIDED,
    "approvals.Review": DECIDED,
    "approvals.Revision": DECIDED,
    "approvals.Vote": DECIDED,
    "approvals.Comment": DECIDED,
    "approvals.Decision": DECIDED,
    "access.Offboarding": "it is the record of the leaving, with its certificate",
    "access.ExportPiece": "the archive is handed out until the erasure, and goes last",
}


@dataclass(frozen=True)
class Part:
    """A step of the erasure: its slug in the progress, what people read, what it does; how many rows it concerned."""

    slug: str
    title: str
    do: Callable[[Offboarding], int]


def parts() -> list[Part]:
    """All parts in their order: rows of the rooms above first."""
    going = [model for model in owned_models() if model._meta.label not in STAYING]
    return [
        *(Part(model._meta.label_lower, f"Erase {model._meta.verbose_name_plural}", _eraser(model)) for model in going),
        Part("undecided", "Erase requests that were never decided", _undecided),
        Part("calls", "Take people, keys and messages out of the ledger", _calls),
        Part("totals", "Take people and keys out of the totals", _totals),
        Part("permissions", "Take the permissions away", _permissions),
        Part("names", "Take the names of the tenant and its projects away", _names),
        Part("archive", "Erase the archive", _archive),
    ]


def _eraser(model: type[Model]) -> Callable[[Offboarding], int]:
    def erase(offboarding: Offboarding) -> int:
        rows = model._base_manager.filter(**{path_to_tenant(model) or "tenant": offboarding.tenant_id})
        if model is ServiceAccount:
            _empty(list(rows.values_list("pk", flat=True)))
        return rows.delete()[1].get(model._meta.label, 0)

    return erase


def _undecided(offboarding: Offboarding) -> int:
    rows = Request.objects.filter(tenant=offboarding.tenant_id)
    return rows.exclude(pk__in=Decision.objects.values("request")).delete()[1].get("approvals.Request", 0)


def _calls(offboarding: Offboarding) -> int:
    """The trigger of the ledger lets nothing else be changed, and this only of a tenant that is being erased."""
    tenant = offboarding.tenant_id
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_tenant SET erasing_since = now() WHERE id = %s", [tenant])
        cursor.execute(
            "SELECT DISTINCT coalesce(user_id::text, ''), user_label, key_prefix FROM usage_call WHERE tenant_id = %s",
            [tenant],
        )
        named = [
            (user, label, prefix, _pseudonym(label and f"{user} {label}"), _pseudonym(prefix))
            for user, label, prefix in cursor.fetchall()
        ]
        cursor.execute(
            """
            UPDATE usage_call
               SET user_id = NULL, user_label = named.person, key_prefix = named.key, key_name = '', error_message = '',
                   request_id = '', trace_id = NULL
              FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                AS named (user_id, user_label, key_prefix, person, key)
             WHERE usage_call.tenant_id = %s AND coalesce(usage_call.user_id::text, '') = named.user_id
               AND usage_call.user_label = named.user_label AND usage_call.key_prefix = named.key_prefix
            """,
            [*([each[at] for each in named] for at in range(5)), tenant],
        )
        done = int(cursor.rowcount)
        cursor.execute("UPDATE tenants_tenant SET erasing_since = NULL WHERE id = %s", [tenant])
    return done


def _totals(offboarding: Offboarding) -> int:
    """Lines that differed by a person or key alone become one."""
    sums = "calls, errors, unpriced, input_tokens, output_tokens, duration_ms, cost"
    kept = "day, tenant_id, project_id, environment_id, route, provider, currency, is_demonstration"
    added = ", ".join(f"sum({name})" for name in sums.split(", "))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH gone AS (DELETE FROM usage_rollup WHERE tenant_id = %s RETURNING *)
            INSERT INTO usage_rollup ({kept}, key_prefix, user_id, {sums})
            SELECT {kept}, '', NULL, {added} FROM gone GROUP BY {kept}
            """,  # names of columns alone
            [offboarding.tenant_id],
        )
        return int(cursor.rowcount)


def _permissions(offboarding: Offboarding) -> int:
    projects = Project.objects.filter(tenant=offboarding.tenant_id).values_list("pk", flat=True)
    keys = [str(key) for key in (offboarding.tenant_id, *projects)]
    gone = 0
    for held in (UserObjectPermission, GroupObjectPermission):
        rows = held.objects.filter(object_pk__in=keys, permission__content_type__model__in=("tenant", "project"))
        gone += rows.delete()[0]
    return gone


def _empty(accounts: list[Any]) -> None:
    for account in User.objects.filter(pk__in=accounts, is_service=True):
        account.username, account.display_name, account.is_active = f"erased.{account.pk.hex[:20]}", "", False
        account.save(update_fields=["username", "display_name", "is_active"])
        account.personal_tokens.all().delete()


def _names(offboarding: Offboarding) -> int:
    count = 0
    for project in Project.objects.filter(tenant=offboarding.tenant_id):
        project.name, project.purpose, project.slug = "Erased project", "", f"erased-{project.pk.hex[-12:]}"
        project.save()
        count += 1
    tenant = Tenant.objects.get(pk=offboarding.tenant_id)
    tenant.name, tenant.slug, tenant.is_discoverable = "Erased tenant", f"erased-{tenant.pk.hex[-12:]}", False
    tenant.save()
    return count + 1 + Environment.objects.filter(tenant=tenant).count()


def _archive(offboarding: Offboarding) -> int:
    return ExportPiece.objects.filter(offboarding=offboarding).delete()[0]


def _pseudonym(text: str) -> str:
    """The same for the same, within this installation, and nothing that leads back without its key."""
    if not text:
        return ""
    return f"erased-{hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]}"
