"""The local model server: OpenAI-compatible, a process of this installation."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from gateway.counting import LOCAL
from gateway.providers.compatible import Compatible
from gateway.snapshot import Target


class Local(Compatible):
    """It takes a free port each time it starts and writes it down, so its address is read anew for each attempt."""

    name = "local"
    words = "Local model server"
    example = ""  # nobody connects it: it comes with the installation
    template = LOCAL

    @property
    def patience_s(self) -> float:  # type: ignore[override]
        return float(settings.LOCAL_MODEL_PATIENCE_S)

    def base(self, target: Target) -> str:
        return local_address()


def local_address() -> str:
    """The base address of the local model server; empty while it has told none."""
    file: Path | None = settings.LOCAL_MODEL_URL_FILE
    if file is None:
        return str(settings.LOCAL_MODEL_URL).rstrip("/")
    try:
        return file.read_text().strip().rstrip("/")
    except OSError:
        return ""


PROVIDER = Local()
