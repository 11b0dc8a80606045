"""A process that ends amid a test costs the run that test, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.installation import NOT_OURS, PROJECT

ENDS = "import os, pytest\n\n\ndef test_ends():\n    os._exit(1)\n"
MANY = "\n\n@pytest.mark.parametrize('each', range(12))\ndef test_goes_on(each):\n    pass\n"


def whole_run(folder: Path, **files: str) -> str:
    """What a run of `files` in two processes told at its end."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    asked = ["-n", "2", "-q", "-p", "tests.dealing", "-p", "no:django", "-p", "no:cacheprovider", "-c", os.devnull]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *asked, "--rootdir", str(folder), str(folder)],
        check=False, cwd=PROJECT, capture_output=True, text=True, timeout=240,
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTEST") and name not in NOT_OURS},
    )  # fmt: skip
    return ended.stdout


def test_the_run_ends_when_the_last_of_all_does_it(tmp_path: Path) -> None:
    told = whole_run(tmp_path, test_it="import os, pytest" + MANY + ENDS.partition("pytest")[2])
    assert "1 failed, 12 passed in" in told, told


def test_of_a_group_what_came_after_it_is_run_in_another_process(tmp_path: Path) -> None:
    group = tmp_path / "tests" / "browser"  # the name of a group
    group.mkdir(parents=True)
    (group / "test_whole.py").write_text("def test_before():\n    pass\n\n\n" + ENDS + MANY)
    told = whole_run(tmp_path, test_others="import pytest" + MANY)
    assert "1 failed, 25 passed in" in told, told
