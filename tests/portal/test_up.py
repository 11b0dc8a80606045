"""What `make run` says to the person at the terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from portal.supervisor import up
from portal.supervisor.installation import Installation
from tests.installation import PROJECT, atrium

ACCOUNTS = ["developer", "platform-admin"]


def greeting(folder: Path, capsys: pytest.CaptureFixture[str], *, mode: str = "demonstration", **found: object) -> str:
    """The lines of an installation in `folder` whose preparation found `found`."""
    (folder / up.PREPARED).write_text(json.dumps(found))
    here = Installation(folder, "127.0.0.1", 8000, mode, embedded_database=True, local_model=True)
    up.greet(here, time.time())
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in up.OFFERS:
        monkeypatch.delenv(variable, raising=False)


def test_it_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = greeting(tmp_path, capsys, demonstration_accounts=ACCOUNTS, has_people=True)
    assert "\nAtrium is ready: http://127.0.0.1:8000/\n" in said
    assert "Demonstration accounts (password of each: atrium-demo): developer, platform-admin\n" in said
    assert "API_KEY" not in said


@pytest.mark.parametrize(("variable", "name"), up.OFFERS.items())
def test_a_credential_in_the_environment_is_named_never_shown_and_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    monkeypatch.setenv(variable, "sk-very-secret")
    said = greeting(tmp_path, capsys, demonstration_accounts=ACCOUNTS, has_people=True)
    assert f"{variable} is set here. Nothing was stored; to offer the models of {name}, connect it" in said
    assert "as platform-admin at http://127.0.0.1:8000/platform/providers/" in said
    assert "sk-very-secret" not in said


def test_production_names_no_demonstration_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = greeting(tmp_path, capsys, mode="production", demonstration_accounts=ACCOUNTS, has_people=True)
    assert "atrium-demo" not in said
    assert "Nobody has an account yet" not in said


def test_where_nobody_is_it_says_how_to_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "atrium createsuperuser" in greeting(tmp_path, capsys, demonstration_accounts=[], has_people=False)


def test_production_that_is_unfit_makes_nothing(tmp_path: Path) -> None:
    ended = atrium("up", data_folder=tmp_path / "atrium", ATRIUM_MODE="production", DEBUG="true", timeout_s=60)
    assert ended.returncode == 1
    assert "Not fit for production: DEBUG is on" in ended.stderr
    assert "ALLOWED_HOSTS" in ended.stderr
    assert "migrations applied" not in ended.stdout
    assert "Atrium is ready" not in ended.stdout
    assert "Traceback" not in ended.stderr


def test_make_alone_lists_what_there_is() -> None:
    listed = subprocess.run(["make"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "dev", "test", "format", "shots", "bench"):
        assert f"  make {target} " in listed


@pytest.mark.parametrize("has_an_old_one", [False, True])
def test_without_a_python_that_is_new_enough_one_line_says_how_to_get_one(tmp_path: Path, has_an_old_one: bool) -> None:
    programs, tree = tmp_path / "bin", tmp_path / "tree"
    programs.mkdir()
    for tool in ("sh", "cat", "cksum", "grep", "dirname", "rm"):
        (programs / tool).symlink_to(str(shutil.which(tool)))
    if has_an_old_one:
        (programs / "python3").write_text("#!/bin/sh\nexit 1  # so does a Python of 3.11 when asked for 3.12\n")
        (programs / "python3").chmod(0o755)
    (tree / "deploy").mkdir(parents=True)
    for file in ("deploy/environment", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / file, tree / file)
    ended = subprocess.run(
        ["/bin/sh", "deploy/environment"],
        cwd=tree,
        env={"PATH": str(programs), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "no Python of 3.12 or newer" in ended.stderr
    assert "uv python install 3.13" in ended.stderr
    assert not (tree / ".venv").exists()
