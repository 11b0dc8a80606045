"""Read the file of a tenant: from bytes to a `Document`, or to every problem with its line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NoReturn

import yaml
from django.conf import settings
from django.core.exceptions import ValidationError

from access.applying.schema import (
    ABOVE,
    VERSION,
    Above,
    BudgetPart,
    Document,
    EnvironmentPart,
    GrantPart,
    KeyPart,
    MemberPart,
    PlacePart,
    ProjectPart,
    RolePart,
    SecurityPart,
)
from access.applying.values import Named, Values
from access.conditions import NAMES
from access.conditions import read as conditions_of
from refusals.errors import Invalid
from refusals.problems import FileNotUnderstood
from refusals.yaml_trees import line_of, tree_of
from tenants.data_classes import checked
from tenants.models import Environment, slug_form
from tenants.networks import networks_of
from tenants.roles import PROJECT_ROLES, TENANT_ROLES
from tenants.security.domains import domains_of
from usage.bodies.keeping import KEEPS, LONGEST_DAYS, Keeping
from usage.limits.budgets import LARGEST_BUDGET, MOST_WARNINGS
from usage.limits.tables import LARGEST_LIMIT, Metric, Span

OF_PLACE = ("limits", "budgets", "content")
OF_CONTENT = ("keep", "days", "share", "only_failed", "media")
OF_FILE = (
    "schema", "tenant", "name", "cost_centre", "discoverable", "security", *OF_PLACE, "roles", "projects", "members",
)  # fmt: skip
OF_SECURITY = ("email_domains", "networks", "second_factor_from")
OF_PROJECT = ("name", "purpose", *OF_PLACE, "roles", "environments")
OF_ENVIRONMENT = (*OF_PLACE, "data_classes", "grants", "keys")
OF_KEY = ("prefix", "name", "limits", "budgets")
OF_ROLE = ("name", "sentence", "may")
OF_MEMBER = ("person", "role")
OF_BUDGET = ("amount", "currency", "hard", "warn_at")
LONGEST_PURPOSE = 10_000


def read(content: bytes | str) -> Document:
    """What the file says. Raises `FileNotUnderstood` with everything that is wrong in it."""
    root, values = tree_of(content), Values()
    given = values.names(root, OF_FILE)
    _require_version(values, root, given.get("schema"))
    slug = _slug(values, given["tenant"]) if "tenant" in given else None
    if "tenant" not in given:
        values.wrong(root, "Say which tenant this is: “tenant: its-short-name”.")
    document = Document(
        slug=slug or "",
        name=_name(values, given),
        cost_centre=values.text(given.get("cost_centre"), 40),
        is_discoverable=values.flag(given.get("discoverable")),
        security=_security(values, given["security"]) if "security" in given else SecurityPart(),
        place=_place(values, given),
        roles=_roles(values, given["roles"]) if "roles" in given else None,
        projects=_projects(values, given["projects"]) if "projects" in given else None,
        members=_members(values, given["members"]) if "members" in given else None,
        lines={name: line_of(node) for name, node in given.items()},
    )
    if values.problems:
        _refuse(values)
    return document


def _require_version(values: Values, root: yaml.Node, node: yaml.Node | None) -> None:
    if node is None:
        values.wrong(root, f"Say which form the file has: “schema: {VERSION}”.")
    elif not isinstance(node, yaml.ScalarNode) or node.value != str(VERSION):
        values.wrong(node, f"This form is not known here. This version of Atrium reads schema {VERSION}.")


def _security(values: Values, node: yaml.Node) -> SecurityPart:
    given = values.names(node, OF_SECURITY)
    since = None
    if "second_factor_from" in given:
        moment = values.moment(given["second_factor_from"])
        since = moment.isoformat(timespec="seconds") if moment else ""
    return SecurityPart(
        _listed(values, given.get("email_domains"), domains_of),
        _listed(values, given.get("networks"), lambda texts: networks_of(texts, whose="A tenant")),
        since,
    )


def _listed(
    values: Values, node: yaml.Node | None, canonical: Callable[[list[str]], list[str]]
) -> tuple[str, ...] | None:
    if node is None:
        return None
    texts = [text for each in values.listed(node) if (text := values.text(each, 300))]
    try:
        return tuple(canonical(texts))
    except Invalid as wrong:
        values.wrong(node, wrong.sentence)
        return None


def _projects(values: Values, node: yaml.Node) -> tuple[ProjectPart, ...]:
    found = []
    for slug, inside in values.names(node, None).items():
        _require_slug(values, inside, slug)
        given = values.names(inside, OF_PROJECT)
        found.append(
            ProjectPart(
                slug=slug,
                name=_name(values, given),
                purpose=values.text(given.get("purpose"), LONGEST_PURPOSE),
                place=_place(values, given),
                environments=_environments(values, given.get("environments")),
                roles=_members(values, given["roles"], PROJECT_ROLES) if "roles" in given else None,
                line=line_of(inside),
            )
        )
    return tuple(found)


def _environments(values: Values, node: yaml.Node | None) -> tuple[EnvironmentPart, ...]:
    found = []
    for kind, inside in values.names(node, Environment.Kind.values, "environment").items():
        given = values.names(inside, OF_ENVIRONMENT)
        keys = tuple(key for each in values.listed(given.get("keys")) if (key := _key(values, each)))
        data = _listed(values, given.get("data_classes"), checked)
        grants = _grants(values, given["grants"]) if "grants" in given else None
        found.append(EnvironmentPart(kind, _place(values, given), keys, data, grants))
    return tuple(found)


def _grants(values: Values, node: yaml.Node) -> tuple[GrantPart, ...]:
    """By route what is demanded; nothing behind a name: nothing is."""
    found = []
    for route, inside in values.names(node, None).items():
        given = values.names(inside, NAMES, "condition")
        try:
            demanded = conditions_of({name: values.plain(each) for name, each in given.items()})
        except Invalid as wrong:
            values.wrong(given.get(wrong.field, inside), wrong.sentence)
        else:
            found.append(GrantPart(route, demanded, line_of(inside)))
    return tuple(found)


def _key(values: Values, node: yaml.Node) -> KeyPart | None:
    given = values.names(node, OF_KEY)
    prefix = values.text(given.get("prefix"), 40)
    if not prefix:
        values.wrong(node, "A key is named by its prefix, as its page shows it.")
        return None
    return KeyPart(prefix, values.text(given.get("name"), 80) or prefix, _place(values, given), line_of(node))


def _members(values: Values, node: yaml.Node, roles: Collection[str] = ()) -> tuple[MemberPart, ...]:
    found = []
    for each in values.listed(node):
        given = values.names(each, OF_MEMBER)
        person = values.text(given.get("person"), 254)
        role = values.one_of(given.get("role"), roles, "role") if roles else values.text(given.get("role"), 20)
        if person and role:
            found.append(MemberPart(person, role, line_of(each)))
        elif isinstance(each, yaml.MappingNode) and not (given.get("person") and given.get("role") and person != ""):
            values.wrong(each, "A member has a person (user name or e-mail) and a role.")
    return tuple(found)


def _roles(values: Values, node: yaml.Node) -> tuple[RolePart, ...]:
    known = {name.partition(".")[2]: name for name in sorted(TENANT_ROLES["owner"].permissions)}
    found = []
    for slug, inside in values.names(node, None).items():
        _require_slug(values, inside, slug)
        given = values.names(inside, OF_ROLE)
        name, sentence = _name(values, given), values.text(given.get("sentence"), 200)
        read_ = (values.one_of(each, known, "permission") for each in values.listed(given.get("may")))
        may = tuple(sorted({known[each] for each in read_ if each}))
        if name and sentence:
            found.append(RolePart(slug, name, sentence, may, line_of(inside)))
        elif isinstance(inside, yaml.MappingNode) and not ("name" in given and "sentence" in given and sentence):
            values.wrong(inside, "A role has a name and a sentence that says what it is for.")
    return tuple(found)


def _place(values: Values, given: Named) -> PlacePart:
    limits = budgets = None
    if "limits" in given:
        read_ = values.names(given["limits"], Metric.values, "limit").items()
        limits = {name: amount for name, node in read_ if (amount := values.number(node, LARGEST_LIMIT)) is not None}
    if "budgets" in given:
        spans = values.names(given["budgets"], Span.values, "period").items()
        budgets = {span: budget for span, node in spans if (budget := _budget(values, node)) is not None}
    return PlacePart(limits, budgets, _content(values, given["content"]) if "content" in given else None)


def _content(values: Values, node: yaml.Node) -> Keeping | Above | None:
    """Nothing behind the name: the place says nothing itself."""
    given = values.names(node, OF_CONTENT)
    if not given:
        return ABOVE
    keep = values.one_of(given.get("keep"), KEEPS, "word")
    if "keep" not in given:
        values.wrong(node, f"Say what is kept: “keep: {', '.join(KEEPS)}”, one of these.")
    if keep is None:
        return None
    days = values.number(given["days"], LONGEST_DAYS) if "days" in given else Keeping().days
    share = values.number(given["share"], 100) if "share" in given else Keeping().share
    only_failed, media = values.flag(given.get("only_failed")), values.flag(given.get("media"))
    prompts, answers = KEEPS[keep]
    if media and not prompts:
        values.wrong(given["media"], "Pictures and sound come with what is asked: keep that too.")
        return None
    return Keeping(prompts, answers, days or 1, share or 1, bool(only_failed), bool(media))


def _budget(values: Values, node: yaml.Node) -> BudgetPart | None:
    given = values.names(node, OF_BUDGET)
    amount = values.amount(given["amount"], LARGEST_BUDGET) if "amount" in given else None
    if "amount" not in given:
        values.wrong(node, "A budget has an amount.")
    currency = values.text(given.get("currency"), 3)
    if currency and currency != settings.CURRENCY:
        values.wrong(given["currency"], f"Budgets are in {settings.CURRENCY} here. Convert the amount.")
    warnings = None
    if "warn_at" in given:
        read_ = [values.number(each, 100) for each in values.listed(given["warn_at"])]
        warnings = tuple(sorted({percent for percent in read_ if percent is not None}))
        if len(read_) > MOST_WARNINGS:
            values.wrong(given["warn_at"], f"Give at most {MOST_WARNINGS} percentages.")
    return None if amount is None else BudgetPart(amount, values.flag(given.get("hard")), warnings)


def _name(values: Values, given: Named) -> str | None:
    name = values.text(given.get("name"), 120)
    if name == "":
        values.wrong(given["name"], "A name cannot be empty.")
    return name


def _slug(values: Values, node: yaml.Node) -> str:
    slug = values.text(node, 40) or ""
    _require_slug(values, node, slug)
    return slug


def _require_slug(values: Values, node: yaml.Node, slug: str) -> None:
    try:
        slug_form(slug)
    except ValidationError as error:
        values.wrong(node, f"“{slug[:60]}” is no short name. {' '.join(error.messages)}")
    else:
        if len(slug) > 40:
            values.wrong(node, "A short name has at most 40 characters.")


def _refuse(values: Values) -> NoReturn:
    raise FileNotUnderstood(values.problems)
