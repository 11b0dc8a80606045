"""Whatever part dies, the rest stays and the part comes back by itself; and when the whole ends, nothing is left.

The tests share one installation and go in the order in which they are written; the last one ends it.
"""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.installation import Installation, lives, until

RECOVERY_S = 30


def test_it_works(installation: Installation) -> None:
    assert installation.get("/readyz") == 200
    assert installation.get("/accounts/login/") == 200
    assert set(installation.record()["parts"]) == {"postgres", "models", "web", "worker", "beat"}


@pytest.mark.parametrize("part", ["web", "worker", "beat", "models", "postgres"])
def test_a_killed_part_comes_back_and_the_record_says_why(installation: Installation, part: str) -> None:
    before = installation.pid(part)
    below = psutil.Process(before).children(recursive=True)
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        facts = installation.record()["parts"][part]
        return facts["state"] == "running" and facts["pid"] != before

    until(is_back, within_s=RECOVERY_S, what=f"{part} is back")
    until(lambda: installation.get("/readyz") == 200, within_s=RECOVERY_S, what="the portal answers")
    facts = installation.record()["parts"][part]
    assert facts["restarts"] == 1
    assert facts["last_end"] == "signal 9 (SIGKILL)"
    until(lambda: not any(lives(one) for one in below), within_s=10, what=f"what {part} had started has ended")


def test_a_process_of_the_web_server_that_dies_alone_is_replaced(installation: Installation) -> None:
    (serving,) = psutil.Process(installation.pid("web")).children()
    serving.kill()
    until(lambda: not lives(serving), within_s=5, what="it is gone")
    until(lambda: installation.get("/readyz") == 200, within_s=RECOVERY_S, what="the portal answers")


def test_the_others_outlived_every_death(installation: Installation) -> None:
    restarts = {name: facts["restarts"] for name, facts in installation.record()["parts"].items()}
    assert max(restarts.values()) <= 2, restarts


def test_jobs_are_done_after_all_that(installation: Installation) -> None:
    def jobs_arrive() -> bool:
        return "the last job arrived" in installation.run("doctor").stdout

    until(jobs_arrive, within_s=60, what="a job of beat's is done by the worker")


def test_the_doctor_tells_what_had_to_be_started_again(installation: Installation) -> None:
    told = installation.run("doctor")
    assert told.returncode == 0, told.stdout
    assert "started again once, last after signal 9 (SIGKILL)" in told.stdout


def test_a_second_instance_is_refused_while_it_runs(installation: Installation) -> None:
    told = installation.run("up")
    assert told.returncode == 1
    assert "already runs on" in told.stderr


def test_all_parts_together_fit_into_900_mb(installation: Installation) -> None:
    held = sum(process.memory_full_info().pss for process in installation.processes())
    assert held < 900_000_000, f"{held / 1e6:.0f} MB"


def test_a_killed_supervisor_leaves_nothing_and_its_successor_starts_within_ten_seconds(
    installation: Installation,
) -> None:
    everything = installation.processes()
    assert len(everything) > 6
    installation.stop(signal.SIGKILL)
    until(lambda: not any(lives(one) for one in everything), within_s=15, what="all children end by themselves")
    took_s = installation.start(within_s=60)
    assert installation.get("/readyz") == 200
    assert took_s < 10 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), f"{took_s:.1f} s"


def test_a_database_of_a_newer_release_is_refused(installation: Installation) -> None:
    installation.stop()
    assert_newer = "INSERT INTO django_migrations (app, name, applied) VALUES ('audit', '9999_from_the_future', now())"
    with_database(installation, assert_newer)
    told = installation.run("up")
    assert told.returncode == 1
    assert "written by a newer Atrium (audit.9999_from_the_future" in told.stderr
    with_database(installation, "DELETE FROM django_migrations WHERE name = '9999_from_the_future'")
    installation.start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end_takes_everything_along_within_ten_seconds(installation: Installation, number: signal.Signals) -> None:
    if installation.process is None or installation.process.poll() is not None:
        installation.start()
    everything = installation.processes()
    began = time.monotonic()
    installation.stop(number)
    took_s = time.monotonic() - began
    assert took_s < 10, f"{took_s:.1f} s"
    assert not any(lives(one) for one in everything)
    assert installation.process is not None
    assert installation.process.returncode == 0
    assert installation.get("/readyz") == 0
    assert "Stopped." in installation.printed.read_text()


def with_database(installation: Installation, statement: str) -> None:
    """Run one statement on the stopped installation's database."""
    import subprocess

    import psycopg

    from portal.embedded import addresses, postgres, unprivileged

    folder = installation.data_folder
    server = subprocess.Popen(
        postgres.command(folder),
        env=postgres.environment(),
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **unprivileged.identity(),
    )
    try:
        until(lambda: postgres.is_ready(folder), within_s=20, what="the database answers")
        with psycopg.connect(addresses.database_url(folder, addresses.OWNER)) as connection:
            connection.execute(statement)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
