"""Decide which deployment a call is sent to, and in which order others are tried when one does not take it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from gateway.snapshot import Route, Target


def targets_in_order(route: Route) -> list[Target]:
    """The connected deployments of a route, the preferred one first."""
    return [target for target in route.targets if target.is_connected]


def address_of(target: Target) -> str:
    """The address to send a chat request to; empty while the local model server has told none.

    That server takes a free port each time it starts and writes it down, so its address is read anew for each attempt.
    """
    base = local_address() if target.dialect == "local" else target.base_url
    return f"{base}/chat/completions" if base else ""


def local_address() -> str:
    """The base address of the local model server."""
    file: Path | None = settings.LOCAL_MODEL_URL_FILE
    if file is None:
        return str(settings.LOCAL_MODEL_URL).rstrip("/")
    try:
        return file.read_text().strip().rstrip("/")
    except OSError:
        return ""
