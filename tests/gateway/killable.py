"""Servers of the gateway that a test may kill."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
from django.conf import settings as project
from django.db import connection

from tests.installation import free_port, until


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
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, module: str = "tests.gateway.serve_alone", *arguments: str) -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        command = [sys.executable, "-m", module, *(arguments or [str(port)])]
        environment = self._environment | {"PORT": str(port)}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url), within_s=60, what="a gateway serves")
        return process, url

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/v1/models").status_code == 401
    return False
