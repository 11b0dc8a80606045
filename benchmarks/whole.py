"""A whole installation: how long it takes to be ready, the first page, its memory, and the first token of an answer.

References: of the first start the second one on the same data; of a first token that of the same prompt sent straight
to the model server, in turn with those through the gateway. Results: ratios, beside the figures and their bounds (a
cold start under 90 s, the first page under 300 ms, 900 MB for all processes, 1.15 for the first token).
Run with `python -m benchmarks.whole`.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from tests.installation import Installation

ROUNDS = 15
BODY = {
    "model": "smollm2",
    "messages": [{"role": "user", "content": "Name a colour."}],
    "max_tokens": 8,
    "stream": True,
    "temperature": 0,
}


def first_token(url: str, key: str, **other: object) -> float:
    """Milliseconds from sending to the first piece of text."""
    began, seen = time.perf_counter(), 0.0
    with httpx.stream(
        "POST",
        f"{url}/chat/completions",
        json=BODY | other,
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    ) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if not seen and line.startswith("data: {"):
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"].get("content"):
                    seen = (time.perf_counter() - began) * 1000
    return seen


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
        key = running.run("key", "issue", "--environment", "retail-banking/card-support/development").stdout.strip()
        direct_url = (running.data_folder / "models.url").read_text().strip().rstrip("/")
        gateway_url = f"http://127.0.0.1:{running.port}/v1"
        upstream = {"model": "SmolLM2-135M-Instruct"}
        for _ in range(2):
            first_token(direct_url, "none", **upstream), first_token(gateway_url, key)
        direct, through = [], []
        for _ in range(ROUNDS):
            direct.append(first_token(direct_url, "none", **upstream))
            through.append(first_token(gateway_url, key))
        with ThreadPoolExecutor(4) as four:
            at_once = list(four.map(lambda _: first_token(gateway_url, key), range(4)))
            at_once_direct = list(four.map(lambda _: first_token(direct_url, "none", **upstream), range(4)))
        held_after = memory(running)
        running.stop()
        warm = running.start(within_s=60)
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)
    middle, reference = statistics.median(through), statistics.median(direct)
    print(f"first start {cold:.1f} s (bound 90), second {warm:.1f} s (bound 10), ratio {cold / warm:.1f}")
    print(f"first page {first_page:.0f} ms (bound 300)")
    print(f"memory of all processes {held:.0f} MB when ready, {held_after:.0f} MB after calls (bound 900)")
    print(
        f"first token: direct {reference:.0f} ms, gateway {middle:.0f} ms, ratio {middle / reference:.2f} (bound 1.15)"
    )
    print(
        f"four at once, the last first token: direct {max(at_once_direct):.0f} ms, gateway {max(at_once):.0f} ms, "
        f"ratio {max(at_once) / max(at_once_direct):.2f}"
    )


if __name__ == "__main__":
    main()
