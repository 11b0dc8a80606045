"""`audit_verify`: recompute the audit and name what was changed, removed or inserted."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.verify import parse_receipt, verify


class Command(BaseCommand):
    help = "Recompute the audit. Exits with 1 and names every entry that was changed, removed or inserted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            type=dt.date.fromisoformat,
            default=dt.date.min,
            help="first day, YYYY-MM-DD",
        )
        parser.add_argument(
            "--until",
            type=dt.date.fromisoformat,
            default=dt.date.max,
            help="last day, YYYY-MM-DD",
        )
        parser.add_argument(
            "--receipt",
            default="",
            help="a receipt (day:entries:hash) that the audit must still hold",
        )
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            parse_receipt(options["receipt"])
        except ValueError as error:
            raise CommandError("A receipt has the form day:entries:hash, as an earlier run printed it.") from error
        report = verify(since=options["since"], until=options["until"], receipt=options["receipt"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report) | {"is_intact": report.is_intact}, default=str))
        else:
            self.stdout.write("\n".join(report.lines()))
        if not report.is_intact:
            raise SystemExit(report.exit_code)
