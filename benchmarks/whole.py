"""A whole installation: how long it takes to be ready, the first page, its memory, and the first token of an answer.

References: of the first start the second one on the same data; of a first token that of the same prompt (some 200
tokens) sent straight to the model server, in turn with those through the gateway and in the playground. Results:
ratios, beside the figures and their bounds (a cold start under 90 s, the first page under 300 ms, 900 MB for all
processes, 1.15 for the first token). Run with `python -m benchmarks.whole`.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from tests.installation import Installation

ROUNDS = 15
ENVIRONMENT = "retail-banking/card-support/development"
# Some 200 tokens, as somebody pastes them; each asking begins otherwise, so that no server answers from its cache.
PASSAGE = (
    "Our card holders write when a payment was declined, when a card was lost, when a fee is not understood, or when a "
    "refund is late. An agent reads the message, looks up the account, and writes back within two working days. Half "
    "of the messages ask the same forty questions. We want a first draft of the answer for each of these, in the tone "
    "of the house: short sentences, no promises about dates, the name of the customer at the beginning, and a number "
    "to call at the end. The agent checks every draft, changes what is wrong, and sends it. Nothing goes out by "
    "itself. Summarise this in one sentence for a manager who has never seen the desk."
)
WORDS = re.compile(r'hx-target="#(?:tail|done)-([^"]+)"[^>]*>(?:<[^>]+>)*[^<\s]')  # of an answer, in the event stream


def prompt(number: int) -> str:
    """The passage as the `number`th message."""
    return f"Message {number} of {number * 7919 % 10007}. {PASSAGE}"


def body(number: int, model: str) -> dict[str, object]:
    """A call that streams a short answer."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt(number)}],
        "max_tokens": 4,
        "stream": True,
        "temperature": 0,
    }


class Asker:
    """Who asks: the model server itself, the gateway with a key, or the playground with a session."""

    def __init__(self, url: str, headers: dict[str, str], model: str) -> None:
        self.url, self.model, self.headers = url, model, headers
        self.clients = [httpx.Client(timeout=60) for _ in range(4)]

    def first_token(self, number: int, client: int = 0) -> float:
        """Milliseconds from sending to the first piece of text."""
        began, seen = time.perf_counter(), 0.0
        sent = self.clients[client].stream(
            "POST", f"{self.url}/chat/completions", json=body(number, self.model),
            headers=self.headers | {"Connection": "close"},
        )  # fmt: skip
        with sent as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if not seen and line.startswith("data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        seen = (time.perf_counter() - began) * 1000
        return seen


class Playground:
    """A person signed in, pressing Run in a new session each time."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(timeout=60, base_url=url, follow_redirects=True)
        self.client.get("/accounts/login/")
        signed_in = self.client.post(
            "/accounts/login/",
            data={"login": "developer", "password": "atrium-demo", "csrfmiddlewaretoken": self._token},
        )
        signed_in.raise_for_status()

    @property
    def _token(self) -> str:
        return self.client.cookies["csrftoken"]

    def first_tokens(self, number: int, columns: int = 1) -> list[float]:
        """Milliseconds from pressing Run to the first piece of text of each column, as the stream brings it."""
        form: dict[str, object] = {
            "environment": ENVIRONMENT, "prompt": prompt(number), "session": "", "token": str(uuid4()),
            "column": [str(key) for key in range(1, columns + 1)],
        }  # fmt: skip
        for key in range(1, columns + 1):
            form |= {f"c{key}-route": "smollm2", f"c{key}-max_tokens": "4", f"c{key}-temperature": "0"}
        seen: dict[str, float] = {}
        began = time.perf_counter()
        headers = {"HX-Request": "true", "X-CSRFToken": self._token}
        with self.client.stream("POST", "/playground/run/", data=form, headers=headers) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                for column in WORDS.findall(line):
                    seen.setdefault(column, (time.perf_counter() - began) * 1000)
        return sorted(seen.values())


class Ways:
    """The same asked in turn on three ways: directly, through the gateway, in the playground."""

    def __init__(self, direct: Asker, gateway: Asker, playground: Playground) -> None:
        self.direct, self.gateway, self.playground = direct, gateway, playground
        self._numbers = count(1)

    def ask_in_turn(self, rounds: int) -> tuple[list[float], ...]:
        """First tokens of each way, in milliseconds."""
        times: tuple[list[float], ...] = ([], [], [])
        for _ in range(rounds):
            times[0].append(self.direct.first_token(next(self._numbers)))
            times[1].append(self.gateway.first_token(next(self._numbers)))
            times[2].extend(self.playground.first_tokens(next(self._numbers)))
        return times

    def ask_four_at_once(self, rounds: int) -> tuple[list[float], ...]:
        """The last of four first tokens of each way. Four columns share their prompt, so do the other four."""
        times: tuple[list[float], ...] = ([], [], [])
        with ThreadPoolExecutor(4) as four:
            for _ in range(rounds):
                for asker, kept in ((self.direct, times[0]), (self.gateway, times[1])):
                    kept.append(max(four.map(partial(asker.first_token, next(self._numbers)), range(4))))
                times[2].append(self.playground.first_tokens(next(self._numbers), columns=4)[-1])
        return times


def page(url: str) -> float:
    """Milliseconds for one page."""
    began = time.perf_counter()
    httpx.get(url, timeout=30).raise_for_status()
    return (time.perf_counter() - began) * 1000


def memory(running: Installation) -> float:
    """Megabytes of all processes, shared pages counted once (proportional set size)."""
    return (
        sum(each.memory_full_info().pss for each in running.processes() if each.status() != psutil.STATUS_ZOMBIE) / 1e6
    )


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    folder.chmod(0o711)
    running = Installation(folder / "atrium")
    try:
        cold = running.start(within_s=300)
        first_page = page(f"http://127.0.0.1:{running.port}/accounts/login/")
        held = memory(running)
        key = running.run("key", "issue", "--environment", ENVIRONMENT).stdout.strip()
        direct_url = (running.data_folder / "models.url").read_text().strip().rstrip("/")
        here = f"http://127.0.0.1:{running.port}"
        ways = Ways(
            Asker(direct_url, {}, "SmolLM2-135M-Instruct"),
            Asker(f"{here}/v1", {"Authorization": f"Bearer {key}"}, "smollm2"),
            Playground(here),
        )
        ways.ask_in_turn(3)  # everything has run once
        alone = ways.ask_in_turn(ROUNDS)
        at_once = ways.ask_four_at_once(5)
        held_after = memory(running)
        running.stop()
        warm = running.start(within_s=60)
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"first start {cold:.1f} s (bound 90), second {warm:.1f} s (bound 10), ratio {cold / warm:.1f}")
    print(f"first page {first_page:.0f} ms (bound 300)")
    print(f"memory of all processes {held:.0f} MB when ready, {held_after:.0f} MB after calls (bound 900)")
    for what, told in (("first token", alone), ("the last first token of four at once", at_once)):
        direct, gateway, playground = (statistics.median(each) for each in told)
        print(
            f"{what}: direct {direct:.0f} ms, gateway {gateway:.0f} ms, ratio {gateway / direct:.2f}; "
            f"playground {playground:.0f} ms, ratio {playground / direct:.2f} (bound 1.15)"
        )


if __name__ == "__main__":
    main()
