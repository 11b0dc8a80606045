"""Which tenants were removed with the demonstration; the audit is all that is left of them."""

from __future__ import annotations

from typing import Any

from audit.models import Entry
from tenants.models import Tenant
from tenants.scope import everything

REMOVED = "demonstration.removed"  # its fact `tenant_ids` names them


def was_of_demonstration(tenant_id: Any) -> bool:
    """Whether there is no tenant with this identifier any more because it went with the demonstration."""
    gone = Entry.objects.filter(verb=REMOVED, facts__tenant_ids__contains=str(tenant_id))
    with everything("whether a tenant is gone is no secret of its"):
        return gone.exists() and not Tenant.objects.filter(pk=tenant_id).exists()
