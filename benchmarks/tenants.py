"""What the two walls between tenants cost a statement, on 1,000 tenants and 200,000 calls.

Reference: the same statement sent by a connection that both walls let pass, to tables without policies. Result: the
ratio to it, of the median. Run with `python -m benchmarks.tenants`.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.ground import embedded_database

CYCLES, ROUNDS = 9, 80
CALLS = 200_000


def main() -> int:
    with embedded_database():
        from django.db import connection

        from benchmarks.scale import Size, build
        from tenants.models import Tenant
        from tenants.scope import everything, only
        from usage.models import Call

        build(Size(models=100, calls=CALLS, entries=100))
        tenant = Tenant.objects.get(slug="tenant-7")
        statements: dict[str, Callable[[], Any]] = {
            "a row by its key": lambda: Tenant.objects.filter(pk=tenant.pk).values("name")[0],
            "exists": lambda: Call.objects.filter(tenant=tenant).exists(),
            "the newest 50 calls": lambda: list(Call.objects.filter(tenant=tenant).order_by("-started_at")[:50]),
            "calls counted": lambda: Call.objects.filter(tenant=tenant).count(),
            "an update": lambda: Tenant.objects.filter(pk=tenant.pk).update(cost_centre="CC"),
        }

        def measured(into: dict[str, list[float]]) -> None:
            for name, statement in statements.items():
                into.setdefault(name, []).append(_median_us(statement))

        of_one: dict[str, list[float]] = {}
        of_all: dict[str, list[float]] = {}
        reference: dict[str, list[float]] = {}
        guards = list(connection.execute_wrappers)
        for _ in range(CYCLES):  # in turn, as a shared machine is not equally quick from one minute to the next
            with only(tenant):
                measured(of_one)
            with everything("to compare"):
                measured(of_all)
                _second_wall("DISABLE")
            connection.execute_wrappers.clear()
            measured(reference)
            connection.execute_wrappers.extend(guards)
            with everything("to go on"):
                _second_wall("ENABLE")
    print(f"{'statement':<22}{'no walls':>12}{'one tenant':>12}{'ratio':>8}{'everything':>12}{'ratio':>8}")
    for name in reference:
        bare, one, every = (statistics.median(found[name]) for found in (reference, of_one, of_all))
        print(f"{name:<22}{bare:>9.0f} us{one:>9.0f} us{one / bare:>8.2f}{every:>9.0f} us{every / bare:>8.2f}")
    return 0


def _second_wall(stands: str) -> None:
    """ENABLE or DISABLE the policies of every table."""
    from django.db import connection

    from tenants.owned import owned_tables

    with connection.cursor() as cursor:
        for table in owned_tables():
            cursor.execute(f"ALTER TABLE {table} {stands} ROW LEVEL SECURITY")


def _median_us(statement: Callable[[], Any]) -> float:
    statement()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        statement()
        taken.append((time.perf_counter() - began) * 1_000_000)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
