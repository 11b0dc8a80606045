"""`audit_verify`: recompute the audit and name what was changed, removed or inserted."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from argparse import ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.absence import parse_receipt
from audit.record import Actor
from audit.restoring import accept_restored
from audit.verify import Report, verify


def day(text: str) -> dt.date:
    """A day as it is written on the command line."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"“{text}” is not a day; write it as 2026-11-24") from error


class Command(BaseCommand):
    help = "Recompute the audit. Exits with 1 and names every entry that was changed, removed or inserted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            type=day,
            default=dt.date.min,
            help="first day, YYYY-MM-DD",
        )
        parser.add_argument(
            "--until",
            type=day,
            default=dt.date.max,
            help="last day, YYYY-MM-DD",
        )
        parser.add_argument(
            "--receipt",
            default="",
            help="a receipt (day:entries:hash) that the audit must still hold",
        )
        parser.add_argument(
            "--accept-restored",
            action="store_true",
            help="first accept that an older database was restored: entries that this machine saw later are given up",
        )
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            parse_receipt(options["receipt"])
        except ValueError as error:
            raise CommandError("A receipt has the form day:entries:hash, as an earlier run printed it.") from error
        accepted = accept_restored(by=_operator()) if options["accept_restored"] else 0
        report = verify(since=options["since"], until=options["until"], receipt=options["receipt"])
        if options["json"]:
            self.stdout.write(json.dumps(_answer(report, accepted), default=str))
        else:
            if options["accept_restored"]:
                self.stdout.write(f"{accepted:,} missing entries accepted; an entry of the audit names them.")
            self.stdout.write("\n".join(report.lines()))
        if not report.is_intact:
            raise SystemExit(report.exit_code)


def _answer(report: Report, accepted: int) -> dict[str, Any]:
    return asdict(report) | {"is_intact": report.is_intact, "accepted": accepted}


def _operator() -> Actor:
    return Actor(f"command line ({getpass.getuser()})")
