"""How the installation is: its parts, its stores and its queue, each with what is wrong and how to mend it.

One list, read by `atrium doctor` and by the platform's status page. Nothing here changes anything or raises: what
cannot be asked is itself a finding.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Prefetch, Q, Sum
from django.utils import timezone

from catalog.models import Deployment, RouteTarget
from gateway.refused import REFUSED, count
from portal import audit_watch, jobs, pulse
from portal.jobs import Job
from portal.processes import PartRow, State, moment, parts, supervisor_runs
from portal.schedule import EVERY_S
from portal.supervisor import journal
from ui.formatting import byte_size, counted
from usage.models import Call, PlatformRollup

LITTLE_DISK_BYTES = 1_000_000_000
PULSE_IS_LATE_S = 4 * EVERY_S["portal.pulse"]
TROUBLE = (Call.Outcome.FAILED, Call.Outcome.INTERRUPTED)
__all__ = ["Finding", "PartRow", "State", "Status", "findings", "look", "parts"]

MANY_FAILED, FAILED_SHARE = 5, 0.1  # failed calls of an hour: at least so many, and more than this share


_last_good: dict[str, tuple[float, Finding]] = {}  # by what looked: when (monotonic), and what it found


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `mend` is empty where nothing is to be done."""

    name: str
    state: State
    words: str
    mend: str = ""


@dataclass(frozen=True)
class Status:
    """Everything that was looked at, at one moment."""

    at: dt.datetime
    parts: list[PartRow]
    findings: list[Finding]
    jobs: list[Job]
    deployments: list[Deployment]  # behind enabled routes, by provider, each with its routes and their models

    @property
    def state(self) -> State:
        """The worst of all."""
        states = {part.state for part in self.parts} | {finding.state for finding in self.findings}
        return next((state for state in (State.BAD, State.WARNING) if state in states), State.GOOD)

    @property
    def memory_bytes(self) -> int:
        return sum(part.memory_bytes or 0 for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The same for a program, without the deployments; times as ISO 8601 text."""
        told = {name: [asdict(each) for each in getattr(self, name)] for name in ("parts", "findings", "jobs")}
        return {"at": self.at, **told, "state": self.state, "memory_bytes": self.memory_bytes}


def look(*, believed_s: float = 0) -> Status:
    """Look at everything, once. What only an upgrade changes is believed for so long where it was good; a page that
    asks every few seconds says so."""
    rows = _Rows()
    found = list(findings(rows, believed_s))
    return Status(timezone.now(), parts(), found, rows.jobs, rows.deployments)


@dataclass
class _Rows:
    """What a finding sums up and the page shows one by one: asked for once, empty without a database."""

    jobs: list[Job] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)

    def of_jobs(self) -> list[Job]:
        self.jobs = jobs.jobs()
        return self.jobs

    def of_deployments(self) -> list[Deployment]:
        targets = Prefetch("targets", RouteTarget.objects.select_related("route__model"))
        serving = Deployment.objects.filter(targets__route__is_enabled=True).distinct()
        sorted_ones = serving.order_by("provider__name", "upstream_name")
        self.deployments = list(sorted_ones.select_related("provider").prefetch_related(targets))
        return self.deployments


def findings(rows: _Rows | None = None, believed_s: float = 0) -> Iterator[Finding]:
    """Everything but the parts, in the order in which one thing rests on another."""
    rows = rows or _Rows()
    yield _supervisor()
    yield _disk()
    database = _database()
    yield database
    if database.state != State.BAD:
        yield _believed(_migrations, believed_s, "tables")
        yield _believed(_walls, believed_s, "walls")
        yield _guarded(partial(_queue, believed_s), "queue")
        yield _guarded(_pulse, "jobs")
        yield _guarded(partial(_job_runs, rows), "last runs")
        yield _guarded(partial(_deployments, rows), "deployments")
        yield _guarded(_calls, "calls")
        yield _guarded(_unpriced, "prices")
        yield _guarded(_audit, "audit")
    yield _refused_calls()
    yield _local_model()
    yield _web()
    yield _mode()


def _supervisor() -> Finding:
    record = journal.read(settings.DATA_FOLDER)
    if supervisor_runs(record):
        return Finding("supervisor", State.GOOD, f"runs since {moment(record['started_at']):%Y-%m-%d %H:%M} UTC")
    if settings.MODE == "production":
        return Finding("supervisor", State.GOOD, "none here; each part is run by something else")
    return Finding("supervisor", State.BAD, "Atrium is not running here", "Start it: make run (or atrium up).")


def _disk() -> Finding:
    folder: Path = settings.DATA_FOLDER
    if not folder.is_dir():
        return Finding("disk", State.WARNING, f"{folder} does not exist yet", "The first start makes it.")
    free = shutil.disk_usage(folder).free
    words = f"{byte_size(free)} free for {folder}"
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
    return Finding("database", State.GOOD, f"PostgreSQL {version} with pgvector {vector}, {byte_size(size)}")


def _migrations() -> Finding:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Finding("tables", State.BAD, f"{len(missing)} migrations are missing", "Run atrium prepare.")
    return Finding("tables", State.GOOD, "are those of this release")


def _walls() -> Finding:
    from portal.isolation import standing  # it knows the tables of all rooms

    holes = standing()
    if not holes:
        return Finding("walls", State.GOOD, "every table of tenants has its policy")
    named = "; ".join(f"{hole.table} {hole.words}" for hole in holes[:3])
    words = f"{named}; {len(holes) - 3} more" if len(holes) > 3 else named
    return Finding("walls", State.BAD, words, "Look at all: atrium isolation verify.")


def _queue(believed_s: float) -> Finding:
    if not settings.CELERY_BROKER_URL.startswith("pgmq"):
        return Finding("queue", State.GOOD, "the broker in CELERY_BROKER_URL")
    standing = _believed(_queue_stands, believed_s, "queue")
    if standing.state != State.GOOD:
        return standing
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), extract(epoch FROM now() - min(enqueued_at)) FROM pgmq.q_celery")
        waiting, oldest_s = cursor.fetchone()
    if waiting and oldest_s > PULSE_IS_LATE_S:
        mend = "Look at the worker's log; start another worker if it is busy."
        return Finding("queue", State.WARNING, f"{waiting} jobs wait, the oldest for {oldest_s:.0f} s", mend)
    return Finding("queue", State.GOOD, f"{waiting} jobs wait")


def _queue_stands() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.meta') IS NOT NULL, to_regclass('pgmq.q_celery') IS NOT NULL")
        is_installed, has_begun = cursor.fetchone()
    if not is_installed:
        return Finding("queue", State.BAD, "is not installed", "Run atrium up once.")
    if not has_begun:
        return Finding("queue", State.WARNING, "no worker has begun yet", "Start one: atrium worker.")
    return Finding("queue", State.GOOD, "is installed")


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


def _job_runs(rows: _Rows) -> Finding:
    failed = [job for job in rows.of_jobs() if job.failed]
    if not failed:
        return Finding("last runs", State.GOOD, "no job's last run failed")
    words = "; ".join(f"{job.name} failed: {job.last.error}" for job in failed if job.last)
    return Finding("last runs", State.WARNING, words, "The whole failure is in the worker's log.")


def _deployments(rows: _Rows) -> Finding:
    serving = rows.of_deployments()
    failing = [each for each in serving if each.health == Deployment.Health.FAILING]
    if not serving:
        return Finding("deployments", State.WARNING, "no route is served", "Connect a provider and publish a model.")
    if not failing:
        return Finding("deployments", State.GOOD, f"{len(serving)} behind routes, none fails")
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


def _refused_calls() -> Finding:
    refused = count(settings.JOURNAL_FOLDER)
    if not refused:
        return Finding("ledger", State.GOOD, "refuses no call")
    words = f"{counted(refused, 'call')} are not in the ledger, which refuses them as they are"
    if refused == 1:
        words = "1 call is not in the ledger, which refuses it as it is"
    file = settings.JOURNAL_FOLDER / REFUSED
    return Finding("ledger", State.WARNING, words, f"{file} says why; try again with atrium ledger retry-refused.")


def _audit() -> Finding:
    latest = audit_watch.latest()
    if latest is None:
        mend = "Verify it under Platform, Audit, or with atrium audit verify."
        return Finding("audit", State.GOOD, "not verified yet", mend)
    when = f"last verified {latest.finished_at:%Y-%m-%d %H:%M} UTC"
    if audit_watch.is_broken(latest):
        words = f"{when}, {counted(len(latest.findings), 'finding')}: it was changed behind Atrium's back"
        mend = "Read them under Platform, Audit, and tell the security board before anything else is done."
        return Finding("audit", State.BAD, words, mend)
    return Finding("audit", State.GOOD, f"{when}, no findings in {counted(latest.checked, 'entry', 'entries')}")


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


def _believed(look_at: Callable[[], Finding], believed_s: float, name: str) -> Finding:
    """What was last found where that was good and is younger than `believed_s`, else what is found now."""
    at, last = _last_good.get(look_at.__name__, (0.0, None))
    if last and time.monotonic() - at < believed_s:
        return last
    found = _guarded(look_at, name)
    if found.state == State.GOOD:
        _last_good[look_at.__name__] = (time.monotonic(), found)
    return found


def _guarded(look_at: Callable[[], Finding], name: str) -> Finding:
    try:
        return look_at()
    except DatabaseError as error:
        return Finding(name, State.BAD, f"cannot be asked: {str(error).strip().splitlines()[-1]}", "Run atrium up.")


def _http_status(address: str) -> int | None:
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310  (our own addresses)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except (OSError, ValueError):
        return None
