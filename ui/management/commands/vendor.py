"""`manage.py vendor`: rebuild `static/vendor/` from its pinned manifest, or check that nothing in it was changed."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ui.vendoring import VendoringError, changed_files, refresh


class Command(BaseCommand):
    help = "Fetch the pinned style sheets, scripts and icons again (needs npm), or check them with --check."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="fetch nothing; fail when a file differs from its pin",
        )
        parser.add_argument(
            "--accept-new",
            action="store_true",
            help="write new pins after a version was changed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            if wrong := changed_files():
                raise CommandError(f"These vendored files are not what the manifest pins: {', '.join(wrong)}.")
            self.stdout.write("Every vendored file is what the manifest pins.")
            return
        try:
            changed = refresh(accept_new=options["accept_new"])
        except VendoringError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Refreshed; new pins: {', '.join(changed) or 'none'}.")
