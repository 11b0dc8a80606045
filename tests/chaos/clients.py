"""Many clients in one event loop, each call on a connection of its own, and what came of each."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSE_S = 0.2  # after a connection that broke or a refusal that time heals
LONGEST_S = 60.0


@dataclass
class Memory:
    """What the clients know, by the call ids that they were told."""

    calls: int = 0
    told: set[str] = field(default_factory=set)  # of answers that began with 200
    whole: set[str] = field(default_factory=set)  # of those that came to their end
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer, or not all of it
    codes: Counter[str] = field(default_factory=Counter)  # of refusals

    @property
    def answered(self) -> int:
        """Calls that were answered, with whatever status."""
        return self.statuses.total() - self.statuses[0]


@dataclass
class Answer:
    """`is_whole`: its body came to the end."""

    status: int
    call_id: str
    is_whole: bool
    body: bytes


async def ask(port: int, key: str, body: dict[str, object]) -> Answer:
    """One call. Raises `OSError` and `TimeoutError` where there is no answer."""
    content = json.dumps(body).encode()
    async with asyncio.timeout(LONGEST_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
                "content-type: application/json\r\nconnection: close\r\n"
                f"content-length: {len(content)}\r\n\r\n".encode()
                + content
            )
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    if not head:
        raise ConnectionResetError("no answer")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
    if "content-length" in headers:
        is_whole = len(rest) == int(headers["content-length"])
    else:
        is_whole = rest.endswith(b"0\r\n\r\n") and b"data: [DONE]" in rest
    return Answer(int(first.split(" ")[1]), headers.get("x-atrium-call-id", ""), is_whole, rest)


async def call_until(
    is_over: Callable[[Memory], bool], *, clients: int, ports: list[int], key: str, body: dict[str, object], seed: int
) -> Memory:
    """`clients` call one after the other, half of the time as a stream, until `is_over`."""
    memory = Memory()

    async def one(number: int) -> None:
        dice = random.Random(seed * 1000 + number)
        while not is_over(memory):
            memory.calls += 1
            try:
                answer = await ask(dice.choice(ports), key, body | {"stream": dice.random() < 0.5})
            except OSError:  # TimeoutError is one
                memory.statuses[0] += 1
                await asyncio.sleep(PAUSE_S)
                continue
            memory.statuses[answer.status if answer.is_whole else 0] += 1
            if answer.status == 200:
                memory.told.add(answer.call_id)
                if answer.is_whole:
                    memory.whole.add(answer.call_id)
            elif answer.is_whole:
                memory.codes[json.loads(answer.body)["error"]["code"]] += 1
                await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*(one(number) for number in range(clients)))
    return memory
