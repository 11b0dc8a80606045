"""A team inside a running installation, made from outside with `atrium shell -c "from tests.faults import team; …"`."""

from __future__ import annotations

from access.models import Grant
from audit.record import SYSTEM
from catalog.models import Route
from tenants.changes import announce
from tenants.keys import issue
from tenants.models import Environment
from tenants.scope import everything
from tenants.structure import create_project, create_tenant
from tests import cast as make


@everything("a test arranges")
def key_for(base_url: str) -> str:
    """The secret of a key that may call the local model and `echo-model`, served at `base_url`."""
    owner = make.person("olivia")
    project = create_project(
        tenant=create_tenant(slug="acme", name="Acme", owner=owner, by=SYSTEM), slug="support", name="Support", by=owner
    )
    environment = Environment.objects.get(project=project, kind="development")
    make.route("echo-model", base_url=base_url)
    for route in Route.objects.filter(slug__in=["smollm2", "echo-model"]):
        Grant.objects.create(tenant=environment.tenant, environment=environment, route=route)
    announce("route")
    announce("grant")
    return issue(environment=environment, name="Load", by=owner).secret
