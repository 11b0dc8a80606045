"""Load, remove or reset the demonstration data."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.demonstration.loading import load
from portal.demonstration.removing import remove
from refusals import Refusal
from tenants.scope import everything

NOTHING = {
    "loaded": "The demonstration is loaded already; nothing was changed. Use --reset to begin anew.",
    "removed": "There is no demonstration data; nothing was removed.",
}


class Command(BaseCommand):
    help = "Load the demonstration data (people, teams, requests, six months of calls), remove it, or begin anew."

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--remove", action="store_true", help="remove it; nothing but the audit remains")
        chosen.add_argument("--reset", action="store_true", help="remove it and load it again")

        parser.add_argument("--json", action="store_true", help="answer in JSON")

    @everything("the demonstration makes and removes its tenants")
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION and not options["remove"]:
            raise CommandError("Demonstration data is not loaded in production: its passwords are known to everybody.")
        begun, told = time.monotonic(), {}
        try:
            if options["remove"] or options["reset"]:
                told["removed"] = remove()
            if not options["remove"]:
                told["loaded"] = load()
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        for done, counts in told.items():
            took = f" in {time.monotonic() - begun:.0f} s" if done == "loaded" else ""
            self.stdout.write(f"{done} {_words(counts)}{took}" if counts else NOTHING[done])


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
