"""Servers of the gateway that a test may kill."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
from django.conf import settings as project
from django.db import connection

from tests.installation import free_port, lives, until


class Killable:
    """Servers of the gateway in processes of their own, over this test's database and one journal folder."""

    def __init__(self, data: Path, **settings: str) -> None:
        held = connection.settings_dict
        host = held["HOST"] or held["OPTIONS"].get("host", "")
        login = f"{held['USER']}:{held['PASSWORD']}@" if held["PASSWORD"] else f"{held['USER']}@"
        address = f"postgresql://{login}/{held['NAME']}?host={quote(host)}&options={quote(held['OPTIONS']['options'])}"
        if held["PORT"]:
            address += f"&port={held['PORT']}"
        self._environment = os.environ | {
            "DATABASE_URL": address,
            "ATRIUM_DATA": str(data),
            "SECRET_KEY": project.SECRET_KEY,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            **settings,
        }
        self.processes: list[psutil.Process] = []
        self._loaded: subprocess.Popen[str] | None = None

    def start(self, module: str = "", *arguments: str) -> tuple[psutil.Process, str]:
        """One more server, which answers by now, and its address; `module` with `arguments` where it is to be started
        as a person starts it."""
        port = free_port()
        if module:
            command = [sys.executable, "-m", module, *arguments]
            environment = self._environment | {"PORT": str(port)}
            process = psutil.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        else:
            process = psutil.Process(self._forked(port))
        self.processes.append(process)
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url) or not lives(process), within_s=60, what="a gateway serves")
        assert lives(process), "the gateway ended before it served"
        return process, url

    def stop(self) -> None:
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in (*process.children(recursive=True), process):  # nobody else ends its workers
                    each.kill()
            process.wait(10)
        if self._loaded is not None:
            self._loaded.kill()
            self._loaded.communicate(timeout=10)

    def _forked(self, port: int) -> int:
        if self._loaded is None:
            command = [sys.executable, "-m", "tests.gateway.serve_alone"]
            self._loaded = subprocess.Popen(
                command, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        assert self._loaded.stdin is not None and self._loaded.stdout is not None
        print(port, file=self._loaded.stdin, flush=True)
        return int(self._loaded.stdout.readline())


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/v1/models").status_code == 401
    return False
