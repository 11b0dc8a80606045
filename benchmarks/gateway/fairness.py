"""A quiet tenant beside a noisy one that sends 20 times its share, at a deployment that takes 8 calls at once.

Reference: the quiet tenant alone, in the same run, at the same pace. Bound: its p99 beside the noisy one is at most 1.5
times that when alone, and a constant: the time in which two of the deployment's places come free (2 × service time ÷
places), as one call of the other may be next and one place has to come free. Real sockets: one gateway process, a
provider of its own, open-loop arrivals. Run with `python -m benchmarks.gateway.fairness`.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.ground import embedded_database
from benchmarks.serving import free_port, serve

PLACES, SERVICE_S = 8, 0.8  # on average; each answer takes from half to one and a half of it
SHARE = PLACES / SERVICE_S / 2  # calls a second, of each of two tenants
QUIET_PACE, NOISY_PACE = SHARE / 2, SHARE * 20
SECONDS, WARM_S = 40.0, 3.0
TIMES, CONSTANT_S = 1.5, 2 * SERVICE_S / PLACES
ANSWER = json.dumps({
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Well."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
}).encode()  # fmt: skip
BODY = json.dumps({"model": "fair", "messages": [{"role": "user", "content": "Say it."}], "max_tokens": 8}).encode()


@dataclass
class Provider:
    """Answers after its service time, and notes how many it had at once."""

    at_once: int = 0
    most: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
                self.at_once += 1
                self.most = max(self.most, self.at_once)
                await asyncio.sleep(SERVICE_S * random.uniform(0.5, 1.5))  # no secret
                self.at_once -= 1
                start = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n"
                writer.write(start.encode() + ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@dataclass
class Tenant:
    """Sends calls with one key at a pace, whatever becomes of those before."""

    port: int
    secret: str
    statuses: Counter[int] = field(default_factory=Counter)
    answered_s: list[float] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)  # for room, as the gateway tells
    _free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def send(self, pace: float, seconds: float) -> None:
        until, following = time.perf_counter() + seconds, time.perf_counter()
        calls = set()
        while time.perf_counter() < until:
            following += random.expovariate(pace)  # arrivals, no secret
            await asyncio.sleep(max(0.0, following - time.perf_counter()))
            calls.add(asyncio.create_task(self._call()))
        await asyncio.gather(*calls)

    async def _call(self) -> None:
        began = time.perf_counter()
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self.port)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.secret}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
        )
        writer.write(head.encode() + BODY)
        told = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        status = int(told.split(b" ", 2)[1])
        self.statuses[status] += 1
        if status == 200:
            self.answered_s.append(time.perf_counter() - began)
            waited = next(
                (line for line in told.lower().split(b"\r\n") if line.startswith(b"x-atrium-waited-ms:")), b":0"
            )
            self.waited_s.append(int(waited.split(b":")[1]) / 1000)
        self._free.append((reader, writer))

    def p(self, percent: int) -> float:
        return statistics.quantiles(self.answered_s, n=100)[percent - 1]

    def p_waited(self, percent: int) -> float:
        return statistics.quantiles(self.waited_s, n=100)[percent - 1]


async def _measured(port: int, upstream: int, quiet: str, noisy: str) -> int:
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", upstream, backlog=1000)
    await Tenant(port, quiet).send(QUIET_PACE, WARM_S)
    alone = Tenant(port, quiet)
    await alone.send(QUIET_PACE, SECONDS)
    beside, other = Tenant(port, quiet), Tenant(port, noisy)
    noise = asyncio.create_task(other.send(NOISY_PACE, SECONDS + WARM_S))
    await asyncio.sleep(WARM_S)
    await beside.send(QUIET_PACE, SECONDS)
    await noise
    server.close()  # its connections are kept by the gateway, so their end is not waited for
    print(f"{PLACES} places of {SERVICE_S * 1000:.0f} ms; quiet {QUIET_PACE:.0f}/s, noisy {NOISY_PACE:.0f}/s")
    for name, tenant in (("quiet, alone", alone), ("quiet, beside", beside), ("noisy", other)):
        times = "  ".join(f"p{percent} {tenant.p(percent) * 1000:>6.0f} ms" for percent in (50, 99))
        waited = f"waited p50 {tenant.p_waited(50) * 1000:.0f} p99 {tenant.p_waited(99) * 1000:.0f} ms"
        print(f"{name:<15}{times}  {waited}  {dict(tenant.statuses)}")
    bound = TIMES * alone.p(99) + CONSTANT_S
    print(f"at the provider at once: at most {provider.most}")
    print(
        f"p99 beside / alone: {beside.p(99) / alone.p(99):.2f}; bound {TIMES} × alone + {CONSTANT_S * 1000:.0f} ms = "
        f"{bound * 1000:.0f} ms"
    )
    kept = beside.p(99) <= bound and provider.most <= PLACES and set(beside.statuses) == {200}
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


def _two_tenants(upstream: int) -> list[str]:
    """A route at a provider of this process with its limit, and a key of each of two tenants."""
    from django.utils import timezone

    from access.models import Grant
    from audit.record import SYSTEM
    from catalog.models import Deployment, Model, ModelVersion, Provider, Route, RouteTarget
    from tenants.keys import issue
    from tenants.models import Environment, User
    from tenants.structure import create_project, create_tenant
    from usage.capacity.setting import set_capacity

    served_by = Provider.objects.create(
        slug="bench", name="Bench", base_url=f"http://127.0.0.1:{upstream}/v1", connected_at=timezone.now()
    )
    model = Model.objects.create(slug="fair", name="Fair", purpose="Answers")
    version = ModelVersion.objects.create(model=model, label="1")
    deployment = Deployment.objects.create(version=version, provider=served_by, upstream_name="fair")
    route = Route.objects.create(slug="fair", model=model)
    RouteTarget.objects.create(route=route, deployment=deployment)
    set_capacity(subject=deployment, amounts={"concurrent": PLACES}, by=SYSTEM)
    secrets = []
    for name in ("quiet", "noisy"):
        owner = User.objects.create_user(name)
        tenant = create_tenant(slug=name, name=name.title(), owner=owner, by=SYSTEM)
        project = create_project(tenant=tenant, slug="one", name="One", by=owner)
        environment = Environment.objects.select_related("tenant", "project").get(project=project, kind="production")
        Grant.objects.create(tenant=tenant, environment=environment, route=route)
        secrets.append(issue(environment=environment, name="bench", by=owner).secret)
    return secrets


def main() -> int:
    with embedded_database():
        upstream, port = free_port(), free_port()
        quiet, noisy = _two_tenants(upstream)
        process = serve("asgi", port)
        try:
            return asyncio.run(_measured(port, upstream, quiet, noisy))
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    sys.exit(main())
