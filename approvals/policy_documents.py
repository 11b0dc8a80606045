"""Policies as one YAML document: written from those in force, read, compared with how it is, put in force.

A policy that the document does not name stays as it is; none is taken away by leaving it out. One that it states as it
stands leaves its version to come alone as well.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.db import transaction
from django.utils import timezone
from yaml.constructor import SafeConstructor

from approvals.differences import Changed, between, flat
from approvals.models import Board, Policy
from approvals.policies import change_policy
from approvals.policy_conditions import read as read_conditions
from approvals.stage_rules import kept
from refusals import Refusal
from refusals.errors import Invalid
from refusals.problems import FileNotUnderstood
from refusals.yaml_trees import tree_of

SCHEMA = "atrium policies 1"
REQUIRED = ("slug", "subject_kind", "sentence", "stages")
OPTIONAL = ("environment_kind", "when", "priority", "validity_days", "effective_from")
LARGEST = 200_000  # characters
BEGINS = f"It begins with “schema: {SCHEMA}” and has a list “policies”."
ODD = re.compile("[\x00\ud800-\udfff]")
HEAD = "# The policies of governance. Put in force with: atrium policy import FILE\n"


class DocumentNotUnderstood(Invalid):
    code = "document_not_understood"


@dataclass(frozen=True)
class Change:
    """What putting one policy of a document in force would change; nothing where it is so already."""

    slug: str
    is_new: bool
    changes: list[Changed]


def document_of(policy: Policy) -> dict[str, Any]:
    """One policy as a document has it, without what is as usual."""
    told: dict[str, Any] = {"slug": policy.slug, "subject_kind": policy.subject_kind}
    if policy.environment_kind:
        told["environment_kind"] = policy.environment_kind
    if policy.when:
        told["when"] = policy.when
    if policy.priority:
        told["priority"] = policy.priority
    told |= {"sentence": policy.sentence, "stages": policy.stages}
    if policy.validity_days:
        told["validity_days"] = policy.validity_days
    return told


def written(policies: Iterable[Policy]) -> str:
    """The YAML of `policies`; read again it changes nothing."""
    listed = [document_of(policy) for policy in policies]
    text: str = yaml.safe_dump(
        {"schema": SCHEMA, "policies": listed}, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    return HEAD + text


def changed_alone(text: str, slugs: Collection[str]) -> str:
    """The document with those of its policies alone that are named by `slugs`."""
    told = [policy for policy in read(text) if policy["slug"] in slugs]
    return HEAD + str(yaml.safe_dump({"schema": SCHEMA, "policies": told}, sort_keys=False, allow_unicode=True))


def stated(**policy: Any) -> str:
    """The document of one policy as a form or a program states it."""
    said = {name: value for name, value in policy.items() if value not in (None, "", {})}
    return str(yaml.safe_dump({"schema": SCHEMA, "policies": [said]}, sort_keys=False, allow_unicode=True))


def written_in_force() -> str:
    """The same of those that decide now."""
    return written(Policy.objects.in_force().order_by("slug"))


def read(text: str) -> list[dict[str, Any]]:
    """What a document says, one mapping a policy. Raises `DocumentNotUnderstood`."""
    if len(text) > LARGEST:
        raise DocumentNotUnderstood(f"A document has at most {LARGEST:,} characters.", field="document")
    given = _values(text)
    if not isinstance(given, dict) or given.get("schema") != SCHEMA or not isinstance(given.get("policies"), list):
        raise DocumentNotUnderstood(BEGINS, field="document")
    if other := [str(name) for name in given if name not in ("schema", "policies")]:
        raise DocumentNotUnderstood(f"It has no part “{other[0][:40]}”.", field="document")
    found = [_policy(place, policy) for place, policy in enumerate(given["policies"], start=1)]
    slugs = [policy["slug"] for policy in found]
    if twice := sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        raise DocumentNotUnderstood(f"The policy “{twice[0]}” is there twice.", field="document")
    return found


def _values(text: str) -> Any:
    try:
        root = tree_of(text, empty=BEGINS, names=BEGINS)
    except FileNotUnderstood as wrong:
        raise DocumentNotUnderstood(wrong.sentence, field="document") from wrong
    try:
        given = SafeConstructor().construct_document(root)
    except (yaml.YAMLError, ValueError, ArithmeticError) as wrong:  # a day that no calendar has, a number without end
        why = getattr(wrong, "problem", None) or str(wrong).partition(":")[0]
        mark = getattr(wrong, "problem_mark", None)
        where = f"Line {mark.line + 1}: " if mark else ""
        raise DocumentNotUnderstood(f"{where}A value is not understood: {why[:200]}.", field="document") from wrong
    _refuse_odd(given)
    return given


def _refuse_odd(given: Any) -> None:
    """Raise `DocumentNotUnderstood` for what no policy says and a database does not keep."""
    if isinstance(given, dict):
        for each in (*given, *given.values()):
            _refuse_odd(each)
    elif isinstance(given, list | tuple):
        for each in given:
            _refuse_odd(each)
    elif isinstance(given, str) and (odd := ODD.search(given)):
        raise DocumentNotUnderstood(f"It holds a character that text does not have: {odd[0]!a}.", field="document")
    elif isinstance(given, int) and abs(given) >= 2**63:
        raise DocumentNotUnderstood("It holds a number that is too large.", field="document")


def compared(policies: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What would change, those first that would: against the version in force, or, of what is to begin later, against
    the one that is to come."""
    now = timezone.now()
    in_force, latest = dict[str, Policy](), dict[str, Policy]()
    for row in Policy.objects.not_over().order_by("slug", "version"):
        latest[row.slug] = row
        if row.effective_from <= now:
            in_force[row.slug] = row
    found = []
    for policy in policies:
        slug, begins = policy["slug"], policy.get("effective_from")
        begins = begins if begins is not None and begins > now else None
        held = (latest if begins or slug not in in_force else in_force).get(slug)
        changes = between(flat(document_of(held)) if held else {}, flat(_as_kept(policy)))
        begun = held.effective_from if held and held.effective_from > now else None
        if changes or begun:  # what is so already need not begin
            changes += between(_beginning(begun), _beginning(begins))
        found.append(Change(slug, held is None, changes))
    return sorted(found, key=lambda change: (not change.changes, change.slug))


@transaction.atomic
def put_in_force(text: str, *, by: Any) -> list[Change]:
    """Put everything in force that the document changes, or nothing. Raises `DocumentNotUnderstood`."""
    policies = read(text)
    list(Board.objects.select_for_update(no_key=True).order_by("pk"))  # all before the first writes to the audit
    changes = compared(policies)
    changed = {change.slug for change in changes if change.changes}
    for policy in policies:
        if policy["slug"] not in changed:
            continue
        try:
            change_policy(**policy, by=by)
        except Refusal as refused:
            if len(policies) == 1:
                raise
            raise DocumentNotUnderstood(f"{policy['slug']}: {refused.sentence}", field="document") from refused
    return changes


def _as_kept(policy: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says in the form in which it is kept, so that it is compared by what it means."""
    said = {name: value for name, value in policy.items() if name != "effective_from" and value not in ("", {}, 0)}
    if all(_looks_like_a_stage(stage) for stage in policy["stages"]):
        said["stages"] = [kept(stage).as_json() | stage for stage in policy["stages"]]
        said["stages"] = [{k: v for k, v in stage.items() if v not in (False, [])} for stage in said["stages"]]
    if "when" in said:
        said["when"] = read_conditions(said["when"])
    return {name: said[name] for name in (*REQUIRED, *OPTIONAL) if name in said}


def _beginning(at: dt.datetime | None) -> dict[str, str]:
    return {"effective_from": f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"} if at else {}


def _looks_like_a_stage(stage: Any) -> bool:
    return (
        isinstance(stage, dict)
        and isinstance(stage.get("board"), str)
        and isinstance(stage.get("veto", ""), str | list)
        and isinstance(stage.get("checklist", []), list)
    )


def _policy(place: int, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise DocumentNotUnderstood(f"Policy {place} is not an object.", field="document")
    called = f"Policy {place}" + (f" ({given['slug']})" if isinstance(given.get("slug"), str) else "")
    if missing := [name for name in REQUIRED if not given.get(name)]:
        raise DocumentNotUnderstood(f"{called} lacks “{missing[0]}”.", field="document")
    if other := [str(name) for name in given if name not in (*REQUIRED, *OPTIONAL)]:
        raise DocumentNotUnderstood(f"{called} has no “{other[0][:40]}”.", field="document")
    kinds: dict[str, type | tuple[type, ...]] = {
        "slug": str, "subject_kind": str, "sentence": str, "environment_kind": str, "stages": list, "when": dict,
        "priority": int, "validity_days": int, "effective_from": (dt.datetime, dt.date),
    }  # fmt: skip
    for name, value in given.items():
        if value is not None and (not isinstance(value, kinds[name]) or isinstance(value, bool)):
            raise DocumentNotUnderstood(f"{called}: “{name}” is not understood.", field="document")
    told = {name: value for name, value in given.items() if value is not None}
    if isinstance(begins := told.get("effective_from"), dt.date):
        told["effective_from"] = _moment(begins)
    return told


def _moment(given: dt.date) -> dt.datetime:
    moment = given if isinstance(given, dt.datetime) else dt.datetime.combine(given, dt.time())
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
