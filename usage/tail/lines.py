"""Calls under way and calls that ended as lines of one list, and as values for programs. Nothing that was said."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from usage.models import Call
from usage.tail.looking import Look
from usage.tail.tables import RunningCall

RUNNING_STATES = {"waiting": "waiting", "asked": "running", "answering": "running"}  # of the table of states


@dataclass(frozen=True)
class Line:
    """One call. `state` is a key of the table of states, `word` what is said; figures are None until it has ended."""

    id: UUID
    is_running: bool
    started_at: dt.datetime
    route: str
    project: str
    environment: str
    short_kind: str
    by: str
    origin: str
    provider: str
    state: str
    word: str
    attempts: int | None
    fell_back: bool | None
    waited_ms: int | None
    duration_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    currency: str
    error_code: str


def of_running(call: RunningCall) -> Line:
    return Line(
        call.pk, True, call.started_at, call.route, call.project.slug, call.environment.kind,
        call.environment.short_kind, call.user_label or call.key_name or call.key_prefix, call.origin, call.provider,
        RUNNING_STATES[call.state], RunningCall.State(call.state).label, call.attempts, None, None, None, None, None,
        None, "", "",
    )  # fmt: skip


def of_ended(call: Call) -> Line:
    is_ok = call.outcome == Call.Outcome.OK
    return Line(
        call.pk, False, call.started_at, call.route, call.project.slug, call.environment.kind,
        call.environment.short_kind, call.user_label or call.key_name or call.key_prefix, call.origin, call.provider,
        "completed" if is_ok else call.outcome, Call.Outcome(call.outcome).label, call.attempts, call.fell_back,
        call.waited_ms, call.duration_ms, call.input_tokens, call.output_tokens, call.cost, call.currency,
        call.error_code,
    )  # fmt: skip


def lines_of(found: Look) -> list[Line]:
    """All of them, what started last first."""
    lines = [*map(of_running, found.running), *map(of_ended, found.ended)]
    return sorted(lines, key=lambda each: (each.started_at, each.id), reverse=True)


def as_values(line: Line) -> dict[str, Any]:
    """It for a program."""
    return {
        "id": str(line.id),
        "state": line.state if not line.is_running else "running",
        "what": line.word,
        "started_at": line.started_at.isoformat(),
        "project": line.project,
        "environment": line.environment,
        "route": line.route,
        "by": line.by,
        "origin": line.origin,
        "provider": line.provider,
        "attempts": line.attempts,
        "fell_back": line.fell_back,
        "waited_ms": line.waited_ms,
        "duration_ms": line.duration_ms,
        "input_tokens": line.input_tokens,
        "output_tokens": line.output_tokens,
        "cost": None if line.cost is None else format(line.cost, "f"),
        "currency": line.currency,
        "error_code": line.error_code,
    }
