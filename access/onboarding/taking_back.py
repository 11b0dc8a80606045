"""Take a setting up back that stopped: everything that it made goes, and the answers can be changed and sent again."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from guardian.models import UserObjectPermission

from access.models import Onboarding
from access.onboarding.provisioning import NotFailed
from approvals.leaving import withdraw_undecided
from approvals.models import Request
from audit.record import record
from refusals.errors import Conflict
from tenants.changes import announce
from tenants.models import ApiKey, Project
from tenants.notifications import notify
from tenants.scope import everything


class InUse(Conflict):
    """Somebody works with it already."""

    code = "tenant_in_use"
    title = "It is in use"


@everything("what a setting up made is taken back, in whatever tenant")
@transaction.atomic
def take_back(*, onboarding: Onboarding, by: Any) -> Onboarding:
    """Remove the tenant that stopped half way. Raises `NotFailed`, and `InUse` where a key was issued in it."""
    rows = Onboarding.objects.select_for_update(of=("self",)).select_related("tenant", "requester", "request")
    kept = rows.get(pk=onboarding.pk)
    if kept.state != Onboarding.State.FAILED:
        raise NotFailed("Only what stopped half way is taken back.")
    tenant, why = kept.tenant, kept.error
    if tenant is not None:
        if ApiKey.objects.filter(tenant=tenant).exists():
            raise InUse(f"A key was issued in {tenant} already. Try again, or offboard the tenant.")
        asked = Request.objects.filter(tenant=tenant)
        list(asked.select_for_update(of=("self",), no_key=True).order_by("number"))  # before the audit's end
        record("onboarding.taken_back", by=by, subject=kept, tenant=tenant.slug, error=why,
               made=[line["words"] for line in kept.progress])  # fmt: skip
        withdraw_undecided(asked, f"Setting {tenant} up was taken back.", by)
        asked.update(tenant=None, environment=None)
        projects = Project.objects.filter(tenant=tenant).values_list("pk", flat=True)
        keys = [str(key) for key in (tenant.pk, *projects)]
        held = UserObjectPermission.objects.filter(permission__content_type__model__in=("tenant", "project"))
        held.filter(object_pk__in=keys).delete()
        tenant.delete()
        announce("tenant")
    kept.tenant, kept.request, kept.state = None, None, Onboarding.State.DRAFT
    kept.progress, kept.error, kept.changed_at = [], "", timezone.now()
    kept.save()
    notify(
        {kept.requester} - {by},
        kind="onboarding",
        title=f"Setting up {kept} was taken back",
        body=f"It stopped: {why} Nothing of it is left. Change what was wrong in your answers and send them again.",
        path=kept.get_absolute_url(),
    )
    return kept
