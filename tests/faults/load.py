"""Clients that keep calling, each call under a name of its own, and remember what came of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx

PAUSE_S = 0.05  # after a refusal or a connection that broke


@dataclass
class Memory:
    """What the clients know. A call's name is its request id."""

    sent: set[str] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)  # name → the call id that the answer told
    whole: set[str] = field(default_factory=set)  # names of those whose stream came to its end
    refused: dict[str, int] = field(default_factory=dict)  # name → status
    broken: set[str] = field(default_factory=set)  # no answer, or not all of it


class Load:
    """A context manager: while it is entered, `clients` threads stream calls to the portal at `address`."""

    def __init__(self, address: str, key: str, clients: dict[str, int]) -> None:
        self.memory = Memory()
        self._url = f"{address}/v1/chat/completions"
        self._key = key
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(route, f"{route}-{number}"))
            for route, count in clients.items()
            for number in range(count)
        ]

    def __enter__(self) -> Memory:
        for thread in self._threads:
            thread.start()
        return self.memory

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, route: str, client: str) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            name = f"{client}-{number}"
            with self._lock:
                self.memory.sent.add(name)
            try:
                self._call(route, name)
            except httpx.HTTPError:
                with self._lock:
                    self.memory.broken.add(name)
                time.sleep(PAUSE_S)

    def _call(self, route: str, name: str) -> None:
        body = {
            "model": route,
            "messages": [{"role": "user", "content": f"Say a few words. ({name})"}],
            "stream": True,
            "max_tokens": 12,
        }
        headers = {"authorization": f"Bearer {self._key}", "x-request-id": name}
        with httpx.stream("POST", self._url, json=body, headers=headers, timeout=30) as answer:
            if answer.status_code != 200:
                with self._lock:
                    self.memory.refused[name] = answer.status_code
                    if call_id := answer.headers.get("x-atrium-call-id"):
                        self.memory.accepted[name] = call_id
                time.sleep(PAUSE_S)
                return
            with self._lock:
                self.memory.accepted[name] = answer.headers["x-atrium-call-id"]
            last = ""
            for line in answer.iter_lines():
                last = line or last
            with self._lock:
                (self.memory.whole if last == "data: [DONE]" else self.memory.broken).add(name)
