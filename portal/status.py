"""How the installation is: its parts, its stores and its queue, each with what is wrong and how to mend it.

One list, read by `atrium doctor` and by the platform's status page. Nothing here changes anything or raises: what
cannot be asked is itself a finding.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Q, Sum
from django.utils import timezone

from catalog.models import Deployment
from portal import jobs, pulse
from portal.supervisor import journal
from usage.models import Call, PlatformRollup

LITTLE_DISK_BYTES = 1_000_000_000
PULSE_IS_LATE_S = 4 * pulse.EVERY_S
RESTARTED_LATELY = dt.timedelta(hours=1)
TROUBLE = (Call.Outcome.FAILED, Call.Outcome.INTERRUPTED)
MANY_FAILED, FAILED_SHARE = 5, 0.1  # failed calls of an hour: at least so many, and more than this share


class State(StrEnum):
    """How a thing is, as `ui` names its colours."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `mend` is empty where nothing is to be done."""

    name: str
    state: State
    words: str
    mend: str = ""


@dataclass(frozen=True)
class PartRow:
    """One supervised process, as the supervisor recorded it and as the kernel sees it now."""

    name: str
    state: State
    words: str
    pid: int | None
    memory_bytes: int | None
    started_at: dt.datetime | None
    restarts: int
    last_end: str
    last_end_at: dt.datetime | None
    log: str
    mend: str = ""


@dataclass(frozen=True)
class Status:
    """Everything that was looked at, at one moment."""

    at: dt.datetime
    parts: list[PartRow]
    findings: list[Finding]

    @property
    def state(self) -> State:
        """The worst of all."""
        states = {part.state for part in self.parts} | {finding.state for finding in self.findings}
        return next((state for state in (State.BAD, State.WARNING) if state in states), State.GOOD)

    @property
    def has_database(self) -> bool:
        """Whether the database answered."""
        return any(finding.name == "database" and finding.state != State.BAD for finding in self.findings)

    @property
    def memory_bytes(self) -> int:
        return sum(part.memory_bytes or 0 for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The same for a program; times as ISO 8601 text."""
        return {**asdict(self), "state": self.state, "memory_bytes": self.memory_bytes}


def look() -> Status:
    """Look at everything, once."""
    return Status(timezone.now(), parts(), list(findings()))


def parts() -> list[PartRow]:
    """The supervised processes; empty where no `atrium up` runs here (each may run on a host of its own)."""
    record = journal.read(settings.DATA_FOLDER)
    if not supervisor_runs(record):
        return []
    return [_part(name, facts) for name, facts in record.get("parts", {}).items()]


def supervisor_runs(record: dict[str, Any]) -> bool:
    """Whether the supervisor that wrote `record` is still there."""
    pid: int = record.get("pid") or 0
    return pid > 0 and journal.started_ticks(pid) == record.get("ticks")


def findings() -> Iterator[Finding]:
    """Everything else, in the order in which one thing rests on another."""
    yield _supervisor()
    yield _disk()
    database = _database()
    yield database
    if database.state != State.BAD:
        for look_at in (_migrations, _queue, _pulse, _job_runs, _deployments, _calls, _unpriced):
            yield _guarded(look_at)
    yield _local_model()
    yield _web()
    yield _mode()


def _part(name: str, facts: dict[str, Any]) -> PartRow:
    pid: int = facts.get("pid") or 0
    runs = pid > 0 and journal.started_ticks(pid) == facts.get("ticks")
    ended_at = _moment(facts.get("last_end_at"))
    restarts = int(facts.get("restarts", 0))
    times = "once" if restarts == 1 else f"{restarts} times"
    state, words, mend = State.GOOD, "answers", ""
    if not runs:
        state, words = State.BAD, f"ended ({facts.get('last_end') or 'unknown'}), will be started again"
        mend = f"Read its log: {facts.get('log')}"
    elif facts.get("state") != "running":
        state, words = State.WARNING, "is starting"
    elif restarts and ended_at and timezone.now() - ended_at < RESTARTED_LATELY:
        state, words = State.WARNING, f"answers; started again {times}, last after {facts.get('last_end')}"
        mend = f"If it happens again, read its log: {facts.get('log')}"
    elif restarts:
        words = f"answers; started again {times} so far"
    return PartRow(
        name=name,
        state=state,
        words=words,
        pid=pid if runs else None,
        memory_bytes=_memory(pid) if runs else None,
        started_at=_moment(facts.get("started_at")),
        restarts=restarts,
        last_end=facts.get("last_end", ""),
        last_end_at=ended_at,
        log=facts.get("log", ""),
        mend=mend,
    )


def _supervisor() -> Finding:
    record = journal.read(settings.DATA_FOLDER)
    if supervisor_runs(record):
        return Finding("supervisor", State.GOOD, f"runs since {_moment(record['started_at']):%Y-%m-%d %H:%M} UTC")
    if settings.MODE == "production":
        return Finding("supervisor", State.GOOD, "none here; each part is run by something else")
    return Finding("supervisor", State.BAD, "Atrium is not running here", "Start it: make run (or atrium up).")


def _disk() -> Finding:
    folder: Path = settings.DATA_FOLDER
    if not folder.is_dir():
        return Finding("disk", State.WARNING, f"{folder} does not exist yet", "The first start makes it.")
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:.1f} GB free for {folder}"
    if free < LITTLE_DISK_BYTES:
        return Finding("disk", State.BAD, words, "Make room, or move the folder and set ATRIUM_DATA.")
    if not os.access(folder, os.W_OK):
        return Finding("disk", State.BAD, f"{folder} cannot be written", "Give it back to this account (chown).")
    return Finding("disk", State.GOOD, words)


def _database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), "
                "(SELECT extversion FROM pg_extension WHERE extname = 'vector'), pg_database_size(current_database())"
            )
            version, vector, size = cursor.fetchone()
    except DatabaseError as error:
        reason = (str(error).strip() or "no answer").splitlines()[0]
        embedded = "Start Atrium: make run (or atrium up)."
        mend = "Check the server in DATABASE_URL." if os.environ.get("DATABASE_URL") else embedded
        return Finding("database", State.BAD, f"cannot be reached: {reason}", mend)
    if vector is None:
        return Finding("database", State.BAD, "lacks pgvector", "As its administrator: CREATE EXTENSION vector;")
    return Finding("database", State.GOOD, f"PostgreSQL {version} with pgvector {vector}, {size / 1e6:.0f} MB")


def _migrations() -> Finding:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Finding("tables", State.BAD, f"{len(missing)} migrations are missing", "Run atrium migrate.")
    return Finding("tables", State.GOOD, "are those of this release")


def _queue() -> Finding:
    if not settings.CELERY_BROKER_URL.startswith("pgmq"):
        return Finding("queue", State.GOOD, "the broker in CELERY_BROKER_URL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.meta') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return Finding("queue", State.BAD, "is not installed", "Run atrium up once.")
        cursor.execute("SELECT to_regclass('pgmq.q_celery') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return Finding("queue", State.WARNING, "no worker has begun yet", "Start one: atrium worker.")
        cursor.execute("SELECT count(*), extract(epoch FROM now() - min(enqueued_at)) FROM pgmq.q_celery")
        waiting, oldest_s = cursor.fetchone()
    if waiting and oldest_s > PULSE_IS_LATE_S:
        mend = "Look at the worker's log; start another worker if it is busy."
        return Finding("queue", State.WARNING, f"{waiting} jobs wait, the oldest for {oldest_s:.0f} s", mend)
    return Finding("queue", State.GOOD, f"{waiting} jobs wait")


def _pulse() -> Finding:
    seen = pulse.last()
    if seen is None:
        mend = "Wait half a minute after a start; then look at the logs of worker and beat."
        return Finding("jobs", State.WARNING, "no job has arrived yet", mend)
    age = (timezone.now() - seen).total_seconds()
    if age > PULSE_IS_LATE_S:
        mend = "Look at the logs of worker and beat."
        return Finding("jobs", State.BAD, f"the last job arrived {age:.0f} s ago", mend)
    return Finding("jobs", State.GOOD, f"beat, queue and worker are at work; the last job arrived {age:.0f} s ago")


def _job_runs() -> Finding:
    failed = [job for job in jobs.jobs() if job.failed]
    if not failed:
        return Finding("last runs", State.GOOD, "no job's last run failed")
    words = "; ".join(f"{job.name} failed: {job.last.error}" for job in failed if job.last)
    return Finding("last runs", State.WARNING, words, "The whole failure is in the worker's log.")


def _deployments() -> Finding:
    serving = Deployment.objects.filter(targets__route__is_enabled=True).distinct()
    failing = serving.filter(health=Deployment.Health.FAILING).select_related("provider")
    count = serving.count()
    if not count:
        return Finding("deployments", State.WARNING, "no route is served", "Connect a provider and publish a model.")
    if not failing:
        return Finding("deployments", State.GOOD, f"{count} behind routes, none fails")
    words = "; ".join(f"{each} fails: {each.check_result or 'no answer'}" for each in failing[:5])
    return Finding("deployments", State.WARNING, words, "Look at the provider's page under Providers.")


def _calls() -> Finding:
    lately = Call.objects.filter(started_at__gt=timezone.now() - dt.timedelta(hours=1))
    told = lately.aggregate(calls=Count("pk"), bad=Count("pk", filter=Q(outcome__in=TROUBLE)))
    words = f"{told['calls']} in the last hour, {told['bad']} of them failed or were interrupted"
    if told["bad"] >= MANY_FAILED and told["bad"] > told["calls"] * FAILED_SHARE:
        mend = "See which under Usage, Calls: filter by outcome, then open one."
        return Finding("calls", State.WARNING, words, mend)
    return Finding("calls", State.GOOD, words)


def _unpriced() -> Finding:
    month = PlatformRollup.objects.daily().filter(
        dimension="route", day__gt=timezone.now().date() - dt.timedelta(days=30)
    )
    rows = month.filter(unpriced__gt=0).order_by().values_list("value").annotate(Sum("unpriced"))
    if not rows:
        return Finding("prices", State.GOOD, "every call of the last 30 days had one")
    words = "calls of the last 30 days without a price: " + ", ".join(f"{n} to {route}" for route, n in rows)
    return Finding("prices", State.WARNING, words, "Publish the route's model again with its price.")


def _local_model() -> Finding:
    if not settings.LOCAL_MODEL_URL:
        return Finding("local model", State.GOOD, "is not wanted here")
    health = settings.LOCAL_MODEL_URL.removesuffix("/v1") + "/health"
    if _http_status(health) == 200:
        return Finding("local model", State.GOOD, f"answers at {settings.LOCAL_MODEL_URL}")
    mend = "Look at its log; atrium up starts it again by itself."
    return Finding("local model", State.BAD, f"does not answer at {settings.LOCAL_MODEL_URL}", mend)


def _web() -> Finding:
    record = journal.read(settings.DATA_FOLDER)
    address = record.get("address") if supervisor_runs(record) else f"http://127.0.0.1:{settings.PORT}/"
    status = _http_status(f"{address}readyz")
    if status is not None and status < 500:
        return Finding("web", State.GOOD, f"answers at {address}")
    words = f"does not answer at {address}" if status is None else f"answers {status} at {address}readyz"
    return Finding("web", State.BAD, words, "Start Atrium, or look at the web server's log.")


def _mode() -> Finding:
    if settings.MODE == "production":
        return Finding("mode", State.GOOD, "production")
    words = f"{settings.MODE}: accounts with a known password"
    return Finding("mode", State.GOOD, words, "Before others can reach it: ATRIUM_MODE=production (docs/running.md).")


def _guarded(look_at: Callable[[], Finding]) -> Finding:
    try:
        return look_at()
    except DatabaseError as error:
        name = look_at.__name__.strip("_")
        return Finding(name, State.BAD, f"cannot be asked: {str(error).strip().splitlines()[-1]}", "Run atrium up.")


def _http_status(address: str) -> int | None:
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310  (our own addresses)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except (OSError, ValueError):
        return None


def _memory(pid: int) -> int | None:
    """What the process and those it started hold, without counting shared memory twice, in bytes."""
    import psutil

    try:
        process = psutil.Process(pid)
        return sum(_own_memory(one) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None


def _own_memory(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):  # another account's process, or a system without the proportional share
        return int(process.memory_info().rss)


def _moment(seconds: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None
