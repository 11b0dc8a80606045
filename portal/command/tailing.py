"""`atrium tail TENANT --as USER`: calls of a tenant as they start and end, a line each, until it is stopped.

It looks once a second, each time as that person is by then, and ends when they may not look any more.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from portal.command.issuing import active_user
from tenants.scope import everything, of_person, within
from ui.formatting import duration_ms

if TYPE_CHECKING:
    from usage.tail.lines import Line

NAMES = ("project", "environment", "route", "key", "outcome", "origin")


def tail(options: argparse.Namespace) -> None:
    """Print what happens. Raises the refusals of `usage.tail.looking`."""
    from usage.tail.api import EVERY_S
    from usage.tail.lines import as_values, lines_of
    from usage.tail.looking import look, wanted

    query = {name: value for name in NAMES if (value := getattr(options, name))}
    shown: dict[object, Line] = {}
    after = None
    while True:
        with everything("who watches is looked up anew"):
            viewer = active_user(options.as_user)
        with within(of_person(viewer)):
            found = look(viewer, wanted(query, viewer, options.tenant), after)
        first, after = after is None, found.at
        for line in reversed(lines_of(found)):
            if shown.get(line.id) != line and not (first and not line.is_running):  # what ended before is not news
                print(json.dumps(as_values(line)) if options.json else _words(line), flush=True)
            shown[line.id] = line
        for key in list(shown)[:-2000]:
            del shown[key]
        if options.once:
            return
        time.sleep(EVERY_S)


def _words(line: Line) -> str:
    at, place = f"{line.started_at:%H:%M:%S}", f"{line.project}/{line.environment}"
    told = f"{at}  {line.word:<17} {line.route}  {place}  {line.by or '-'}"
    if line.duration_ms is None:
        return told
    cost = "no price" if line.cost is None else f"{line.cost.normalize():f} {line.currency}"
    error = f"  {line.error_code}" if line.error_code else ""
    return f"{told}  {duration_ms(line.duration_ms)}  {line.input_tokens} in {line.output_tokens} out  {cost}{error}"
