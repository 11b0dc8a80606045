"""What `atrium up` refuses: one clear line on stderr, a non-zero exit, and nothing started."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.installation import atrium, free_port


def the_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal, seen to be one and to come with a failure."""
    assert ended.returncode == 1, ended
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert "Atrium is ready" not in ended.stdout
    return lines[0]


def test_a_busy_port_is_named_with_the_variable_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        line = the_line(atrium("up", data_folder=tmp_path / "atrium", port=port))
    assert f"Port {port} is in use" in line
    assert "PORT" in line
    assert not (tmp_path / "atrium").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    line = the_line(atrium("up", data_folder=tmp_path / "file" / "atrium"))
    assert str(tmp_path / "file" / "atrium") in line
    assert "cannot be written" in line
    assert "ATRIUM_DATA" in line


def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    folder = Path("/proc/atrium") if os.geteuid() == 0 else tmp_path / "closed"
    if os.geteuid() != 0:
        folder.mkdir(mode=0o500)
    assert "cannot be written" in the_line(atrium("up", data_folder=folder))


def test_a_second_instance_on_the_same_folder_is_told_about_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "atrium"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        line = the_line(atrium("up", data_folder=folder))
    assert f"already runs on {folder} (process 4711)" in line


def test_too_little_disk_says_how_much_there_is_and_how_much_it_takes(tmp_path: Path) -> None:
    line = the_line(atrium("up", data_folder=tmp_path / "atrium", ATRIUM_NEEDED_DISK_MB="99999999"))
    assert "MB are free" in line
    assert "needs 99999999 MB" in line


def test_a_database_of_another_postgres_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "atrium"
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("23\n")
    line = the_line(atrium("up", data_folder=folder))
    assert "written by PostgreSQL 23" in line
    assert (folder / "postgres" / "PG_VERSION").read_text() == "23\n"


@pytest.mark.parametrize("port", ["eighty", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    line = the_line(atrium("up", data_folder=tmp_path / "atrium", PORT=port))
    assert f"PORT is {port!r}" in line


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    assert "ATRIUM_MODE is 'staging'" in the_line(atrium("up", data_folder=tmp_path / "atrium", ATRIUM_MODE="staging"))


def test_the_secrets_are_made_once_and_for_this_account_alone(tmp_path: Path) -> None:
    from portal.supervisor.preflight import ensure_secrets

    ensure_secrets(tmp_path)
    first = {name: (tmp_path / name).read_text() for name in ("secret_key", "credential_keys", "decision_keys")}
    ensure_secrets(tmp_path)
    for name, text in first.items():
        assert (tmp_path / name).read_text() == text
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert len(text) >= 44


def test_a_port_is_found_free_when_its_last_user_has_just_gone() -> None:
    from portal.supervisor.preflight import refuse_busy_port

    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()
        client.close()
    refuse_busy_port("127.0.0.1", port)
