"""Import models, facts and prices from the installed packages, and print what changed."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.record import SYSTEM
from catalog.importing.run import import_catalog


class Command(BaseCommand):
    help = "Import models, facts and prices from the installed packages. Run it again after the packages are updated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = import_catalog(by=SYSTEM).report
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2, sort_keys=True))
            return
        for kind, count in report["counts"].items():
            shown = report["examples"].get(kind, [])
            more = f": {', '.join(shown[:3])}{' …' if count > 3 else ''}" if shown else ""
            self.stdout.write(f"{kind}: {count}{more}")
        if not report["counts"]:
            self.stdout.write("Nothing changed.")
        totals = report["totals"]
        self.stdout.write(
            f"The catalog holds {totals['models']} models with {totals['deployments']} offers "
            f"of {totals['providers']} providers."
        )
