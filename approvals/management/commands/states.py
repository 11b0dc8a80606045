"""Write `docs/states.md` from the table of states."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from approvals.diagram import described


class Command(BaseCommand):
    help = "Write docs/states.md from the table of states."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        (settings.BASE_DIR / "docs/states.md").write_text(described())
        self.stdout.write("docs/states.md is written.")
