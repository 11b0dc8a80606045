"""The command `atrium up`: check, start, say where it is, stay."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from portal.supervisor import preflight
from portal.supervisor.installation import Installation, installation
from portal.supervisor.supervisor import Supervisor

PREPARED = "prepared.json"
OFFERS = {"OPENAI_API_KEY": "OpenAI", "ANTHROPIC_API_KEY": "Anthropic"}


def say(line: str) -> None:
    """Progress, for the person at the terminal."""
    try:
        print(line, flush=True)
    except BrokenPipeError:  # the terminal is gone; the work goes on
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123


def command(options: argparse.Namespace) -> None:
    """Run the whole product in the foreground until told to stop. Raises `CannotStart`."""
    began = time.time()
    here = installation()
    lock = preflight.check(here)
    say(f"Starting Atrium in {here.data_folder}")
    with lock:
        Supervisor(here, say, verbose=options.verbose, reload=options.reload).run(when_ready=lambda: greet(here, began))


def greet(here: Installation, began: float) -> None:
    """The line that says it is ready, and what one needs next."""
    say(f"  everything answers after {time.time() - began:.1f} s")
    say("")
    say(f"Atrium is ready: {here.address}")
    found = prepared(here.data_folder)
    accounts = found.get("demonstration_accounts", []) if here.is_demonstration else []
    if accounts:
        say(f"Demonstration accounts (password of each: atrium-demo): {', '.join(accounts)}")
    elif not found.get("has_people", True):
        say("Nobody has an account yet. Make the first one, which may do everything: atrium createsuperuser")
    for variable, provider in OFFERS.items():
        if os.environ.get(variable):
            team = "platform-admin" if "platform-admin" in accounts else "one of the platform team"
            say(
                f"{variable} is set here. Nothing was stored; to offer the models of {provider}, connect it "
                f"as {team} at {here.address}platform/providers/"
            )
    say("Ctrl-C stops everything.")


def prepared(data_folder: Path) -> dict[str, Any]:
    """What the last preparation found: the demonstration accounts, in their order, and whether there are people."""
    try:
        found = json.loads((data_folder / PREPARED).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
