"""Several people do several things to one tenant at one moment, each of thirty and more beside each other: nobody gets
more than a rule gives, nobody waits for ever, and what was done is so.

A deed begins while another is done and not yet committed, so that it has looked at what was before wherever it does not
wait. Each pair is tried in one order, and in both with `HISTORIES=1` in the environment; of what three and four do at
once Hypothesis chooses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations, permutations

from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from refusals.errors import Refusal
from tenants.memberships import appoint, dismiss
from tenants.models import Appointment, User
from tenants.scope import everything
from tests.approvals.test_at_once import at_once, house  # noqa: F401  # a fixture
from tests.cast import Cast
from tests.tenants.histories.faults import UNLOCKED
from tests.tenants.histories.planting import planted
from tests.tenants.team import Kept

AT_LENGTH = bool(os.environ.get("HISTORIES"))
# In pairs, as another deed does nearly the same to the same rows; of what several do at once they are a part.
ONLY_AT_LENGTH = {
    "Greta becomes admin",
    "Rita is removed",
    "Rob becomes keeper no more",
    "Rob loses the project",
    "Vera's time is over",
    "the key is revoked",
    "the key leaks",
    "the program is switched off",
    "the project is archived",
}
# Of our own, and no others of this server.
WAITS = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid = ANY(%s)"


def outcome(deed: Callable[[], object]) -> str:
    try:
        deed()
    except Refusal as refusal:
        return refusal.code
    return "done"


def overlapping(first: Callable[[], object], *others: Callable[[], object]) -> tuple[list[str], int]:
    """Do `others`, one begun after the other, while `first` is done and not committed; the code of the refusal of each,
    or "done", and how many waited for somebody."""
    pids: list[int] = []

    @everything("a deed of a test")
    def beside(deed: Callable[[], object]) -> str:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            return outcome(deed)
        finally:
            connection.close()

    def waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute(WAITS, [pids])
            found: int = cursor.fetchone()[0]
            return found

    with ThreadPoolExecutor(len(others)) as pool:
        running: list[Future[str]] = []
        with transaction.atomic():
            told = [outcome(first)]
            for other in others:
                running.append(pool.submit(beside, other))
                until = time.monotonic() + 60
                while sum(not each.done() for each in running) > waiting():
                    assert time.monotonic() < until, "a deed neither ends nor waits"
                    time.sleep(0.002)
            waited = waiting()
        return told + [each.result(timeout=20) for each in running], waited


def wrong_ones(kept: Kept, meetings: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, int]]:
    """Of each of `meetings` of deeds what was wrong, "" for nothing, and how many of them waited."""
    for names in meetings:
        team, waited = kept.again(), 0
        deeds = team.deeds()
        try:
            told, waited = overlapping(*(deeds[name] for name in names))
            team.check([name for name, each in zip(names, told, strict=True) if each == "done"])
        except Exception as error:  # every one is tried: one that fails hides no other
            yield f"{', '.join(names)}: {type(error).__name__} {str(error)[:200]}", waited
        else:
            yield "", waited


def pairs(kept: Kept) -> list[tuple[str, ...]]:
    """Each two deeds: in both orders, or half of the pairs in the one and half in the other."""
    names = list(kept.again().deeds())
    if AT_LENGTH:
        return list(permutations(names, 2))
    found = enumerate(combinations([name for name in names if name not in ONLY_AT_LENGTH], 2))
    return [pair[::-1] if number % 2 else pair for number, pair in found]


def test_whatever_two_people_do_to_one_tenant_at_one_moment_nobody_holds_what_no_rule_gives(house: Cast) -> None:  # noqa: F811
    kept = Kept(house)
    tried = list(wrong_ones(kept, pairs(kept)))
    assert [wrong for wrong, _ in tried if wrong] == []
    assert sum(waited for _, waited in tried) > len(tried) / 2, "they met"


def test_whatever_three_and_four_do_at_one_moment_nobody_holds_what_no_rule_gives(house: Cast) -> None:  # noqa: F811
    kept = Kept(house)
    names = list(kept.again().deeds())

    @settings(
        max_examples=2000 if AT_LENGTH else 50, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @seed(0)
    @given(st.lists(st.sampled_from(names), min_size=3, max_size=4, unique=True))
    def meet(deeds: list[str]) -> None:
        for wrong, _ in wrong_ones(kept, [tuple(deeds)]):
            assert wrong == ""

    meet()


def test_deeds_that_do_not_wait_are_found(house: Cast) -> None:  # noqa: F811
    """Of all of `UNLOCKED` `tests.tenants.planted` looks."""
    kept = Kept(house)
    for fault, *names in ((UNLOCKED[0], "Olivia leaves", "Greta leaves"),
                          (UNLOCKED[1], "Greta becomes keeper", "Olivia leaves")):  # fmt: skip
        with planted(fault):
            ((wrong, _),) = wrong_ones(kept, [tuple(names)])
        assert "AssertionError" in wrong


def test_two_roles_above_tenants_that_end_at_one_moment_leave_nothing(house: Cast) -> None:  # noqa: F811
    two = [appoint(user=house.ned, role=role, by=house.pat) for role in ("auditor", "finops")]
    overlapping(*(lambda each=each: dismiss(appointment=each, by=house.pat) for each in two))  # type: ignore[misc]
    assert not Appointment.objects.filter(user=house.ned).exists()
    assert User.objects.get(pk=house.ned.pk).get_all_permissions() == set()


def test_keys_that_are_changed_while_their_project_moves_do_not_keep_it_from_moving(house: Cast) -> None:  # noqa: F811
    kept = Kept(house)
    for what in ("the key is rotated", "the key is revoked", "the key is handed over", "the key leaks"):
        team = kept.again()
        deeds = team.deeds()
        assert at_once(deeds["the project moves"], deeds[what])[0] == "done"
        team.check()
