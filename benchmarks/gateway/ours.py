"""Atrium's gateway with everything on: key, grant, limits at four places, a hard budget, journal and ledger."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from benchmarks.gateway.references import OURS, SERVED_CORE, Server, running
from tests.installation import free_port

PLENTY = 100_000_000  # a minute: every limit is counted and none is reached


def team(provider: Server) -> str:
    """A tenant with a key, its limits and its budget, made in the database at hand; the key's secret."""
    from tenants.models import ApiKey, Environment, Tenant, User
    from tests.faults.team import key_for
    from usage.limits.budgets import set_budget
    from usage.limits.places import of_environment, of_key, of_project, of_tenant
    from usage.limits.setting import set_limits

    secret = key_for(provider.url.removesuffix("/chat/completions"))
    acme, by = Tenant.objects.get(slug="acme"), User.objects.get(username="olivia")
    environment = Environment.objects.get(project__tenant=acme, kind="development")
    key = ApiKey.objects.get(environment=environment)
    for place in (of_tenant(acme), of_project(environment.project), of_environment(environment), of_key(key)):
        set_limits(place=place, amounts={"requests": PLENTY, "tokens": PLENTY, "concurrent": PLENTY}, by=by)
    set_budget(place=of_tenant(acme), amount=Decimal(1_000_000), is_hard=True, by=by)
    return secret


@contextmanager
def atrium(key: str) -> Iterator[Server]:
    """One process of it on one core; with it its thread that carries calls into the ledger."""
    port = free_port()
    command = [sys.executable, "-m", "portal.command", "gateway", "--workers", "1"]
    url, headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"authorization": f"Bearer {key}"}
    here = {name: os.environ[name] for name in OURS if name in os.environ}
    with running(command, url, SERVED_CORE, headers, PORT=str(port), **here) as server:
        yield server
