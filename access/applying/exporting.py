"""Write a tenant's structure as YAML: what `reading` reads, so that applying an export right away changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import yaml
from django.conf import settings

from access.applying.content import told as told_of_content
from access.applying.describing import describe
from access.applying.schema import (
    VERSION,
    Document,
    EnvironmentPart,
    MemberPart,
    PlacePart,
    ProjectPart,
    RolePart,
    SecurityPart,
)
from tenants.models import Tenant
from usage.bodies.keeping import Keeping

HEAD = """\
# The structure of {name}, as Atrium has it. `atrium apply -f` shows what would change and asks before it does it.
# What is left out stays as it is. Keys are named and never made by a file; their secrets are nowhere. Nor does a file
# give access to a model: of grants it says what they demand of every call.

"""


_FOLDED = frozenset("\x85\u2028\u2029")


class _Dumper(yaml.SafeDumper):
    """Amounts are written as they are, without quotes or rounding, and nothing as a reference to what is the same."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """As it is, but quoted where it has a line end that YAML would fold away."""
    style = '"' if _FOLDED.intersection(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(
    Decimal,
    lambda dumper, amount: dumper.represent_scalar(
        f"tag:yaml.org,2002:{'float' if amount % 1 else 'int'}", f"{amount:f}".rstrip("0").rstrip(".")
        if amount % 1 else f"{int(amount)}",
    ),
)  # fmt: skip


def export(tenant: Tenant) -> str:
    """The file of `tenant`."""
    name = tenant.name if tenant.name.isprintable() else tenant.slug
    return HEAD.format(name=name) + written(describe(tenant))


def written(document: Document) -> str:
    """A document as YAML."""
    told: str = yaml.dump(
        _whole(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    return told


def _whole(document: Document) -> dict[str, Any]:
    return {
        "schema": VERSION,
        "tenant": document.slug,
        "name": document.name,
        "cost_centre": document.cost_centre,
        "discoverable": document.is_discoverable,
        **_security(document.security),
        **_place(document.place),
        "roles": {role.slug: _role(role) for role in document.roles or ()},
        "projects": {project.slug: _project(project) for project in document.projects or ()},
        "members": _people(document.members or ()),
    }


def _security(part: SecurityPart) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if part.email_domains is not None:
        told["email_domains"] = list(part.email_domains)
    if part.networks is not None:
        told["networks"] = list(part.networks)
    if part.second_factor_from is not None:
        told["second_factor_from"] = part.second_factor_from or None
    return {"security": told} if told else {}


def _role(role: RolePart) -> dict[str, Any]:
    may = [name.partition(".")[2] for name in role.permissions]
    return {"name": role.name, "sentence": role.sentence, "may": may}


def _project(project: ProjectPart) -> dict[str, Any]:
    inside = {}
    for environment in project.environments:
        keys = [{"prefix": key.prefix, "name": key.name, **_own(key.place)} for key in environment.keys]
        inside[environment.kind] = _place(environment.place) | _sent(environment) | ({"keys": keys} if keys else {})
    roles = {"roles": _people(project.roles)} if project.roles is not None else {}
    return {"name": project.name, "purpose": project.purpose, **_place(project.place), **roles, "environments": inside}


def _sent(environment: EnvironmentPart) -> dict[str, Any]:
    """Grants only where there are some; the classes of data also where nobody has named any."""
    grants = {grant.route: grant.conditions.as_json() for grant in environment.grants or ()}
    data = {} if environment.data_classes is None else {"data_classes": list(environment.data_classes)}
    return data | ({"grants": grants} if grants else {})


def _people(parts: Iterable[MemberPart]) -> list[dict[str, Any]]:
    return [{"person": part.person, "role": part.role} for part in parts]


def _own(place: PlacePart) -> dict[str, Any]:
    """Of a key only what it has: most have nothing of their own."""
    return {name: value for name, value in _place(place).items() if value}


def _place(place: PlacePart) -> dict[str, Any]:
    budgets = {
        span: {
            "amount": budget.amount,
            "currency": settings.CURRENCY,
            "hard": budget.is_hard,
            "warn_at": list(budget.warn_at or ()),
        }
        for span, budget in (place.budgets or {}).items()
    }
    content = {"content": told_of_content(place.content)} if isinstance(place.content, Keeping) else {}
    return {"limits": dict(place.limits or {}), "budgets": budgets, **content}
