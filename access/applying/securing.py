"""The step for what a tenant asks of who comes in."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import Any

from access.applying.authority import Authority
from access.applying.schema import Document, SecurityPart
from access.applying.steps import Change, Step
from tenants.models import Tenant
from tenants.security.setting import secure

_VERB = {"email_domains": "allowed_email_domains", "networks": "allowed_networks"}


def security_steps(document: Document, now: Document, authority: Authority) -> list[Step]:
    """One step where the file asks something else than the tenant does; before members are added."""
    names = [each.name for each in fields(SecurityPart)]
    wanted = {name: _told(document.security, name) for name in names}
    held = {name: _told(now.security, name) or ([] if name in _VERB else "") for name in names}
    changes = tuple(
        Change(name, held[name] or None, value or None)
        for name, value in wanted.items()
        if value is not None and value != held[name]
    )
    if not changes:
        return []

    def perform(tenant: Tenant, by: Any) -> None:
        asked: dict[str, Any] = {_VERB[each.field]: each.after or [] for each in changes if each.field in _VERB}
        for each in changes:
            if each.field not in _VERB:
                asked[each.field] = dt.datetime.fromisoformat(each.after) if each.after else None
        secure(tenant=tenant, by=by, **asked)

    return [Step("change", "security", document.slug, changes, perform, authority.over_tenant())]


def _told(part: SecurityPart, name: str) -> Any:
    value = getattr(part, name)
    return list(value) if isinstance(value, tuple) else value
