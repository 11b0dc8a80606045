"""Calls of the cast, written through the ledger's own writer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Environment, User
from usage.calls import CallRecord
from usage.ledger import write
from usage.models import Call


def called(environment: Environment, *, days_ago: float = 0, by: User | None = None, **changes: Any) -> Call:
    """A call made now (or `days_ago`) in `environment`: 312 tokens in, 540 out at 3.00 and 15.00 per million."""
    values: dict[str, Any] = {
        "id": uuid7(),
        "tenant_id": environment.tenant_id,
        "project_id": environment.project_id,
        "environment_id": environment.pk,
        "origin": "playground" if by else "api",
        "key_prefix": "" if by else "atrium_dev_0123456789ab",
        "key_name": "" if by else "Batch job",
        "user_id": by.pk if by else None,
        "user_label": str(by) if by else "",
        "route": "echo",
        "model_slug": "echo-model",
        "provider": "echo",
        "upstream_name": "echo-1",
        "request_id": "r-1",
        "outcome": "ok",
        "status": 200,
        "started_at": timezone.now() - dt.timedelta(days=days_ago),
        "first_token_ms": 400,
        "duration_ms": 2400,
        "usage_source": "provider",
        "input_tokens": 312,
        "output_tokens": 540,
        "input_per_million": Decimal("3"),
        "output_per_million": Decimal("15"),
        "cost": Decimal("0.009036"),
    }
    record = CallRecord(**(values | changes))
    assert write([record]) == 1
    return Call.objects.get(pk=record.id)
