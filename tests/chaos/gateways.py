"""Servers of the gateway, each as `atrium gateway` runs it, to be killed with `kill -9` and to come back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from random import Random
from typing import Any, Self

import psutil

from tests.installation import PROJECT, free_port, until

ONE_IN = 5  # so often the whole server is killed, and not one process of it, which it starts again by itself


class Gateways:
    """A context manager: `count` servers over one database and one folder of journals."""

    def __init__(self, count: int) -> None:
        self.ports = [free_port() for _ in range(count)]
        self.kills = 0
        self._servers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._servers = [self._start(port) for port in self.ports]
        for port in self.ports:
            until(lambda port=port: facts(port), within_s=60, what="a gateway serves")
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.terminate()
        for server in self._servers:
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()

    def kill_one(self, dice: Random) -> None:
        """Kill one that serves, if any does."""
        self._start_again()
        serving = [number for number, port in enumerate(self.ports) if facts(port) is not None]
        if not serving:
            return
        number = dice.choice(serving)
        server = self._servers[number]
        children = psutil.Process(server.pid).children()
        if dice.randrange(ONE_IN) and children:
            os.kill(dice.choice(children).pid, signal.SIGKILL)
        else:
            server.send_signal(signal.SIGKILL)
            server.wait(10)
            self._servers[number] = self._start(self.ports[number])
        self.kills += 1

    def come_to_rest(self, within_s: float = 120) -> None:
        """Wait until every server answers and has carried all it knows of into the ledger."""
        until(self._rests, within_s=within_s, what="the gateways come to rest")

    def _rests(self) -> bool:
        self._start_again()
        told = [facts(port) for port in self.ports]
        return all(each and not each["calls_running"] + each["calls_waiting_for_the_ledger"] for each in told)

    def _start_again(self) -> None:
        """A server ends itself when a process of it dies twice within some seconds; whoever runs it starts it again."""
        for number, server in enumerate(self._servers):
            if server.poll() is not None:
                self._servers[number] = self._start(self.ports[number])

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "portal.command", "gateway", "--workers", "1"]
        return subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"PORT": str(port)}, stderr=subprocess.DEVNULL)


def facts(port: int) -> dict[str, Any] | None:
    """How a gateway says it stands; None while it does not serve."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)["gateway"]
            return told
    except OSError:
        return None
