"""Load, remove or reset the demonstration data."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.demonstration.loading import load
from portal.demonstration.removing import remove
from refusals import Refusal


class Command(BaseCommand):
    help = "Load the demonstration data (people, teams, requests, six months of calls), remove it, or begin anew."

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--remove", action="store_true", help="remove it; nothing but the audit remains")
        chosen.add_argument("--reset", action="store_true", help="remove it and load it again")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION and not options["remove"]:
            raise CommandError("Demonstration data is not loaded in production: its passwords are known to everybody.")
        begun = time.monotonic()
        try:
            if options["remove"] or options["reset"]:
                self.stdout.write(f"removed {_words(remove())}")
            if not options["remove"]:
                counts = load()
                took = f" in {time.monotonic() - begun:.0f} s"
                self.stdout.write(f"loaded {_words(counts)}{took}" if counts else "already loaded")
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
