"""`atrium doctor`: look at every part and say how to mend it. Exit status 1 when something is bad."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from datetime import datetime

from portal.command.django import prepare_django
from tenants.scope import everything
from ui.formatting import byte_size

MARKS = {"good": "ok  ", "warning": "warn", "bad": "BAD "}
COLOURS = {"good": "\033[32m", "warning": "\033[33m", "bad": "\033[31m"}


def examine(options: argparse.Namespace) -> int:
    """Print what was found; 0 when nothing is bad."""
    prepare_django()
    logging.disable(logging.CRITICAL)  # what goes wrong is a finding and no log line
    from portal import status

    with everything("an operator looks at the whole"):
        seen = status.look()
    if options.json:
        print(json.dumps(seen.as_json(), default=_as_text, indent=2))
        return int(seen.state == status.State.BAD)
    for part in seen.parts:
        memory = byte_size(part.memory_bytes) if part.memory_bytes else "-"
        _line(part.state, part.name, f"{part.words} (process {part.pid or '-'}, {memory})", part.mend)
    for finding in seen.findings:
        _line(finding.state, finding.name, finding.words, finding.mend)
    if seen.parts:
        print(f"All parts together hold {byte_size(seen.memory_bytes)}.")
    return int(seen.state == status.State.BAD)


def _line(state: str, name: str, words: str, mend: str) -> None:
    mark = f"{COLOURS[state]}{MARKS[state]}\033[0m" if sys.stdout.isatty() else MARKS[state]
    print(f"{mark} {name:<14} {words}")
    if mend:
        print(f"     {'':<14} → {mend}")


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
