"""`atrium policy export|check|import`: the policies of governance as one YAML file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from portal.embedded.trouble import CannotStart
from tenants.scope import everything

if TYPE_CHECKING:
    from approvals.policy_documents import Change


@everything("policies hold for every tenant")
def policy(options: argparse.Namespace) -> None:
    """Write the policies in force, or read a file and say what it changes; `import` puts that in force."""
    from approvals.policy_documents import put_in_force, written_in_force
    from approvals.policy_trial import tried
    from audit.record import SYSTEM

    if options.do == "export":
        if options.file in (None, "-"):
            sys.stdout.write(written_in_force())
        else:
            Path(options.file).write_text(written_in_force(), encoding="utf-8")
        return
    if options.file is None:
        raise CannotStart(f"Name a file: atrium policy {options.do} FILE, or - for standard input.")
    text = _read(options.file)
    if options.do == "check":
        trial = tried(text, by=SYSTEM)
        _tell(trial.changes, "would change")
        for sentence in trial.sentences:
            print(sentence)
    else:
        _tell(put_in_force(text, by=SYSTEM), "changed")


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise CannotStart(f"{name} cannot be read: {trouble}") from trouble


def _tell(changes: list[Change], word: str) -> None:
    for change in changes:
        if not change.changes:
            continue
        print(f"{change.slug} {'is new' if change.is_new else word}:")
        for each in change.changes:
            print(f"  {each.name}: {each.before or '(nothing)'} -> {each.after or '(nothing)'}")
    same = sum(not change.changes for change in changes)
    if same:
        print(f"{same} {'policy is' if same == 1 else 'policies are'} as the file says already.")
