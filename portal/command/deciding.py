"""`atrium decision`: verify decisions, offline from an archive or in the database, and look after the keys that sign.

`verify FILE` needs neither settings nor a database: nothing of Django is loaded for it.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import sys
from pathlib import Path

from portal.command.django import prepare_django
from portal.embedded.trouble import CannotStart


def verify(options: argparse.Namespace) -> int:
    """Verify an archive, or with `--all` every decision of this installation."""
    if options.all:
        return _verify_all(options)
    if options.file is None:
        raise CannotStart("Name the archive of a decision, or give --all for every decision of this installation.")
    from approvals.sealing.checking import check, read_keys
    from approvals.sealing.seal import NotAKey

    path = Path(options.file)
    if not path.is_file():
        raise CannotStart(f"There is no file {options.file}.")
    try:
        keys = {name: key for given in options.key or () for name, key in read_keys(Path(given)).items()}
    except (NotAKey, OSError) as error:
        raise CannotStart(str(error)) from error
    checked = check(path, keys or None)
    if options.json:
        told = {"intact": checked.is_intact, "fits": checked.fits, "notes": checked.notes}
        told["findings"] = [{"where": where, "sentence": sentence} for where, sentence in checked.findings]
        print(json.dumps(told))
    else:
        print("\n".join(checked.lines()))
    return checked.exit_code


def _verify_all(options: argparse.Namespace) -> int:
    prepare_django()
    from approvals.sealing.verifying import verify_all
    from tenants.scope import everything

    with everything("an operator verifies the decisions of every tenant"):
        report = verify_all()
    if options.json:
        told = {"intact": report.is_intact, "decisions": report.decisions, "seals": report.seals}
        print(json.dumps({**told, "findings": [vars(each) for each in report.findings]}))
    else:
        print("\n".join(report.lines()))
    return 0 if report.is_intact else 1


def seal(options: argparse.Namespace) -> None:
    """Take into the chain what was decided before there was one; a job does the same."""
    prepare_django()
    from approvals.sealing.chain import seal_unsealed
    from portal.command.issuing import actor
    from tenants.scope import everything

    with everything("the chain of seals goes over every tenant"):
        print(f"Taken into the chain: {seal_unsealed(by=actor(None))}.")


def keys(options: argparse.Namespace) -> None:
    """List the keys that sign or signed; with `--rotate` make a new one in the data folder first."""
    prepare_django()
    from django.conf import settings

    if options.rotate:
        _rotate(Path(settings.DATA_FOLDER))
    from approvals.sealing.keys import known_keys

    for key in known_keys():
        if options.json:
            continue
        since = f"since {key.since:%Y-%m-%d %H:%M}" if key.since else "not used yet"
        until = f", last used {key.last_used:%Y-%m-%d %H:%M}" if key.last_used else ""
        print(f"{key.id}  {'signs now' if key.is_current else 'replaced '}  {since}{until}  {key.public}")
    if options.json:
        print(json.dumps([{"id": key.id, "public": key.public, "is_current": key.is_current} for key in known_keys()]))


def new_key(options: argparse.Namespace) -> None:
    """Make a key for `ATRIUM_DECISION_KEYS` and print it."""
    print(_made())


def _made() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _rotate(folder: Path) -> None:
    """Put a new key before those of the data folder. Running processes sign with it once they start again."""
    if os.environ.get("ATRIUM_DECISION_KEYS"):
        raise CannotStart(
            "The keys are those of ATRIUM_DECISION_KEYS. Put one made by `atrium decision new-key` before them, "
            "separated by a comma, and start every process again."
        )
    file = folder / "decision_keys"
    before = file.read_text().split() if file.is_file() else []
    partial = folder / "decision_keys.new"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write("\n".join([_made(), *before]))
    partial.replace(file)
    print("A new key is made. It signs once Atrium was started again.", file=sys.stderr)
