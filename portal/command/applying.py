"""`atrium tenant export` and `atrium apply`: a tenant's structure as a file, written out and brought about.

Exit status of `apply`: 0 done or nothing to change, 1 trouble, 2 with `--check` where the tenant differs from the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.command.issuing import active_user, actor
from portal.embedded.trouble import CannotStart
from tenants.scope import everything, of_person, within

if TYPE_CHECKING:
    from access.applying.schema import Document
    from access.applying.steps import Plan

DRIFT = 2
SIGNS = {"create": ("+", "\033[32m"), "change": ("~", "\033[33m"), "remove": ("-", "\033[31m")}


def export(options: argparse.Namespace) -> None:
    """Write the file of a tenant, to stdout or `--output`."""
    from access.applying.exporting import export as written

    with _acting(options.as_user) as by:
        text = written(_readable(options.tenant, by))
    if options.output in (None, "-"):
        print(text, end="")
        return
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotStart(f"{options.output} cannot be written: {error.strerror}.") from error
    print(f"{options.output} holds the structure of {options.tenant}.", file=sys.stderr)


def apply(options: argparse.Namespace) -> int:
    """Show what would change; after a yes, do all of it or nothing."""
    from access.applying.applying import apply as bring_about
    from access.applying.applying import tenant_to_apply_to
    from access.applying.planning import plan

    with _acting(options.as_user) as by:
        document = _read(options.file)
        tenant = tenant_to_apply_to(document.slug, by)
        seen = plan(document=document, tenant=tenant, prune=options.prune, by=by)
        if options.json:
            print(json.dumps(_told(seen, document), indent=2))
        else:
            _show(seen)
        if options.check or not seen.steps:
            return DRIFT if seen.steps else 0
        if seen.refused:
            raise CannotStart(f"{len(seen.refused)} of the steps you may not do; nothing was done.")
        _confirm(options, seen)
        bring_about(document=document, tenant=tenant, prune=options.prune, fingerprint=seen.fingerprint, by=by)
    if not options.json:
        print("Applied.")
    return 0


@contextmanager
def _acting(username: str | None) -> Iterator[Any]:
    """Who does it: the named person, in their own scope and with what they may, or whoever sits at this terminal."""
    if username:
        person = active_user(username)
        with within(of_person(person)):
            yield person
    else:
        with everything("an operator names the tenant"):
            yield actor(None)


def _readable(slug: str, by: Any) -> Any:
    from tenants import scoping
    from tenants.models import Tenant, User

    if isinstance(by, User):
        return scoping.find_tenant(by, slug, "tenants.manage_members")
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise CannotStart(f"There is no tenant {slug!r}.")
    return found


def _read(name: str) -> Document:
    from access.applying.reading import read
    from refusals.problems import FileNotUnderstood
    from refusals.yaml_trees import MOST_BYTES

    try:
        if name == "-":
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CannotStart(f"{name} cannot be read: {error.strerror}.") from error
    try:
        return read(content)
    except FileNotUnderstood as wrong:
        _tell_problems(name, wrong)
        raise


def _tell_problems(name: str, wrong: Any) -> None:
    """All but the first, which is the last line as for every other trouble."""
    for problem in wrong.problems[1:]:
        print(f"{name}: {problem}", file=sys.stderr)


def _show(seen: Plan) -> None:
    for step in seen.steps:
        sign, colour = SIGNS[step.action]
        head = f"{sign} {step.kind} {step.name}"
        print(f"{colour}{head}\033[0m" if sys.stdout.isatty() else head)
        for change in step.changes:
            values = [change.before, change.after]
            if step.action != "change":
                values = [value for value in values if value is not None]
            print(f"    {change.field}: {' → '.join(map(_value, values))}")
        if step.refused:
            print(f"    ! {step.refused}")
    for note in seen.notes:
        print(f"Note: {note}")
    if seen.unlisted:
        print(f"The file does not name, and it stays (--prune removes it): {', '.join(seen.unlisted)}.")
    count = len(seen.steps)
    print(f"{count} step{'s' * (count != 1)}: {seen.sentence}" if count else seen.sentence)


def _value(value: Any) -> str:
    """A value on one line."""
    from access.applying.showing import written

    text = written(value) or "none"
    return json.dumps(text, ensure_ascii=False) if not text.isprintable() else text


def _told(seen: Plan, document: Document) -> dict[str, Any]:
    return {
        "tenant": document.slug,
        "steps": [step.told for step in seen.steps],
        "unlisted": list(seen.unlisted),
        "notes": list(seen.notes),
        "fingerprint": seen.fingerprint,
    }


def _confirm(options: argparse.Namespace, seen: Plan) -> None:
    if options.yes:
        return
    if options.file == "-" or not sys.stdin.isatty():
        raise CannotStart("Nobody is here to say yes. Add --yes to apply it, or --check to look only.")
    removed = seen.counts["remove"]
    asked = f"Apply this? {removed} will be removed. [y/N] " if removed else "Apply this? [y/N] "
    try:
        answer = input(asked)
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CannotStart("Nothing was done.")
