"""A whole worker of Celery's is killed while it sets a team up, and one while it erases a tenant: the next ends it.

At every step of both it is processes with the job alone that are killed (`tests.killing`). Here the job comes by the
queue in Postgres, and back by it, and whatever belongs to the worker dies at one blow.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection
from pytest_django import Settings

from access.models import Offboarding, Onboarding
from access.offboarding.erasing import parts
from access.tasks import resume_offboarding
from audit.models import Entry
from audit.verify import verify
from portal.celery import app
from tests.access.test_offboarding import WRITTEN, ended, leaving
from tests.access.test_provisioning import NUMBERS, WHOLE, admitted, made
from tests.cast import Cast, route
from tests.installation import PROJECT, until
from tests.queueing import queueing

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 60


@pytest.fixture(autouse=True)
def queue(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is sent here goes into a queue beside the test's tables."""
    with queueing("celery") as conn_string:
        monkeypatch.setitem(configured.CELERY_BROKER_TRANSPORT_OPTIONS, "conn_string", conn_string)
        monkeypatch.setattr(app.amqp, "_producer_pool", None)  # that of the tests before goes elsewhere
        yield
        app.amqp.producer_pool.connections.force_close_all()


@pytest.fixture
def workers(settings: Settings, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(_address(), settings.AUDIT_ANCHORS, tmp_path / "said.txt")
    yield made
    made.kill()


class Workers:
    """The product's worker, one at a time."""

    def __init__(self, database: str, anchors: Path, said: Path) -> None:
        self.environment = os.environ | {
            "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "tests.faults.worker_settings",
            "WORKERS_ANCHORS": str(anchors),
        }  # fmt: skip
        self.said = said
        self.living: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        with self.said.open("ab") as output:
            self.living = subprocess.Popen(
                [sys.executable, "-m", "portal.command", "worker", *arguments],
                cwd=PROJECT, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip

    def kill(self) -> int:
        """`kill -9` of it and of every process it has started; how many these were."""
        if self.living is None:
            return 0
        it = psutil.Process(self.living.pid)
        below = it.children(recursive=True)
        for process in (it, *below):
            process.kill()
        self.living.wait()
        psutil.wait_procs(below)
        self.living = None
        return len(below)


def _address() -> str:
    """The test's database, signed in to as the portal does."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))


@contextmanager
def stopped_at(table: str, work: Onboarding | Offboarding) -> Iterator[None]:
    """Entered once somebody waits to write to `table`, with some of `work` done; until the end nobody can."""
    waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    with psycopg.connect(_address()) as beside:
        beside.execute("SET ROLE atrium")
        beside.execute(f"LOCK TABLE {table} IN SHARE MODE")
        until(lambda: beside.execute(waits, [table]).fetchone() is not None, within_s=WITHIN_S, what=f"at {table}")
        work.refresh_from_db()
        yield


def reaches(work: Onboarding | Offboarding, state: str) -> None:
    def is_there() -> bool:
        work.refresh_from_db()
        return work.state == state

    until(is_there, within_s=WITHIN_S, what=f"{work} is {state}")


def test_the_next_worker_ends_what_a_killed_one_had_once(cast: Cast, settings: Settings, workers: Workers) -> None:
    settings.ERASE_AFTER_DAYS = 0
    route()

    team = admitted(cast, 0)
    workers.start()
    with stopped_at("access_grant", team):
        assert [line["step"] for line in team.progress] == ["tenant", "project", "people"]
        workers.kill()
    workers.start("--pool", "prefork")
    reaches(team, Onboarding.State.READY)

    tenant = leaving(cast, 1)
    reaches(tenant, Offboarding.State.WAITING)
    resume_offboarding.delay()
    with stopped_at("tenants_apikey", tenant):
        assert 0 < len(tenant.progress) < len(parts())
        assert workers.kill() > 1
    workers.start()
    reaches(tenant, Offboarding.State.ERASED)
    until(lambda: left_in_the_queue() == 0, within_s=WITHIN_S, what="nothing is left in the queue")

    assert made(NUMBERS[0]) == WHOLE
    assert ended(tenant) | {"rows": []} == {
        "rows": [], "state": Offboarding.State.ERASED, "parts": True, "certified": True, "audit": WRITTEN, "pieces": 0,
        "calls": 3, "in totals": 3, "keys": 0, "told": [f"{tenant.name} is erased"],
    }  # fmt: skip
    revoked = Entry.objects.filter(tenant=tenant.slug, verb="key.revoked").values_list("subject_id", flat=True)
    assert len(revoked) == len(set(revoked)) == 2
    assert verify().is_intact, [finding.sentence for finding in verify().findings]


def left_in_the_queue() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pgmq.q_celery")
        count: int = cursor.fetchone()[0]
        return count
