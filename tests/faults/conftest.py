"""One real installation for the fault tests, started once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """A running `atrium up` in a folder of its own; whatever happens, nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-faults-"))  # short: pytest's own is too long to list in a failure
    folder.chmod(0o711)
    running = Installation(folder / "my atrium's", ATRIUM_DEMONSTRATION_DATA="off")
    try:
        running.start(within_s=240)  # on a busy machine, where other tests begin at the same moment
        yield running
    finally:
        left = running.processes()
        if running.process is not None and running.process.poll() is None:
            running.stop()
        for process in left:
            if process.is_running():
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)
