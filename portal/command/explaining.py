"""`atrium explain USER PERMISSION [TENANT[/PROJECT[/KIND]]]`: the chain of reasons, for a person or for a program. Of
who may call models in an environment, also what the grants there demand of each call."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from portal.embedded.trouble import CannotStart
from tenants.scope import everything

if TYPE_CHECKING:
    from tenants.explaining import Explained


@everything("an operator asks about anybody")
def explain(options: argparse.Namespace) -> None:
    """Print whether the person may, what was looked at, and what to do."""
    from tenants import explaining
    from tenants.models import User

    person = User.objects.filter(username=options.user).first()
    if person is None:
        raise CannotStart(f"There is no account {options.user!r}.")
    place = _place_of(options.object) if options.object else None
    told = explaining.explain(person, options.permission, place)
    grants = _demanded(place) if told.permission == "tenants.use_models" and told.allowed else {}
    if options.json:
        facts = {"person": person.username, "permission": told.permission, "allowed": told.allowed}
        links = [{"sentence": link.sentence, "gives": link.gives} for link in told.links]
        tenant = told.tenant.slug if told.tenant else None
        project = told.project.slug if told.project else None
        print(
            json.dumps(
                {
                    **facts,
                    "tenant": tenant,
                    "project": project,
                    "verdict": told.verdict,
                    "links": links,
                    "way": told.way,
                    **({"grants": grants} if grants else {}),
                }
            )
        )
        return
    print(told.verdict)
    for link in told.links:
        print(f"  {'+' if link.gives else '-'} {link.sentence}")
    for route, sentences in grants.items():
        print(f"{route}: {'; '.join(sentences) or 'nothing is demanded of its calls'}")
    if told.way:
        print(told.way)


def _demanded(place: Explained | None) -> dict[str, list[str]]:
    """What is demanded of calls in an environment, by the routes that it may call; nothing elsewhere."""
    from access.models import Grant
    from tenants.models import Environment

    if not isinstance(place, Environment):
        return {}
    held = Grant.objects.in_force().filter(environment=place).select_related("route").order_by("route__slug")
    return {grant.route.slug: grant.demanded.sentences for grant in held}


def _place_of(path: str) -> Explained:
    """The tenant, project or environment called `path`."""
    from tenants.models import Environment, Project, Tenant

    slug, *below = path.strip("/").split("/")
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CannotStart(f"There is no tenant {slug!r}.")
    if not below:
        return tenant
    project = Project.objects.select_related("tenant").filter(tenant=tenant, slug=below[0]).first()
    if project is None:
        raise CannotStart(f"{tenant} has no project {below[0]!r}.")
    if not below[1:]:
        return project
    rows = Environment.objects.select_related("tenant", "project").filter(project=project, kind=below[1])
    if (environment := rows.first()) is None:
        raise CannotStart(f"There is no environment {path!r}.")
    if below[2:]:
        raise CannotStart(f"{path!r} is no tenant, project or environment.")
    return environment
