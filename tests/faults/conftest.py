"""One real installation for the fault tests, made once and started anew for each file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation


@pytest.fixture(scope="package")
def installed() -> Iterator[Installation]:
    """An `atrium up` in a folder of its own; whatever happens, nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-faults-"))  # short: pytest's own is too long to list in a failure
    folder.chmod(0o711)
    running = Installation(folder / "my atrium's", ATRIUM_DEMONSTRATION_DATA="off")
    try:
        yield running
    finally:
        left = running.processes()
        if running.process is not None and running.process.poll() is None:
            running.stop()
        for process in left:
            if process.is_running():
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installation(installed: Installation) -> Iterator[Installation]:
    """It, running, with every part started once."""
    installed.start(within_s=240)  # on a busy machine, where other tests begin at the same moment
    yield installed
    if installed.process is not None and installed.process.poll() is None:
        installed.stop()
