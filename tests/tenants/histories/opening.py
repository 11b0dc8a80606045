"""What was done before each history, so that a short one meets something of every kind: members of each role, roles of
a tenant's own and in projects, what is held for a time and lent, keys, what waits for an answer, what is archived, an
owner who is switched off.
"""

from __future__ import annotations

from tests.tenants.histories.machine import Histories
from tests.tenants.histories.stage import Stage

KEEPS = {"tenants.manage_members", "tenants.manage_keys", "tenants.view_usage"}


def play(stage: Stage) -> None:
    """Let it happen; all of it is allowed."""
    history = Histories(stage)
    for part in (_people, _projects, _for_a_time, _what_waits, _what_is_closed):
        part(history)
        history.everybody_holds_what_the_rules_give()
    history.keys_open_for_whom_is_there()
    assert not history.refused, history.refused
    history.switch("hugo", False, False, 0)  # to be refused from now on, which is looked at
    history.everybody_holds_what_the_rules_give()
    history.becomes_the_opening()


def _people(history: Histories) -> None:
    history.make_or_change_a_role("olivia", "acme", KEEPS)
    for who, tenant, whom, role in (
        ("olivia", "acme", "adam", "admin"),
        ("olivia", "acme", "rita", "keeper"),
        ("olivia", "acme", "greta", "owner"),
        ("olivia", "acme", "fin", "billing"),
        ("olivia", "acme", "hugo", "owner"),  # after the others, whom a review that lapses takes first
        ("greta", "globex", "adam", "owner"),
        ("greta", "globex", "olivia", "admin"),
        ("greta", "globex", "dev", "viewer"),
        ("adam", "initech", "rita", "developer"),
        ("adam", "initech", "vera", "viewer"),
    ):
        history.add(who, tenant, whom, role)
    history.create_a_service_account("olivia", "acme", "batch", "developer")
    history.create_a_service_account("greta", "globex", "ci", "analyst")
    history.change_a_group("staff", "rob", True)
    history.make_a_rule("acme", "staff", "developer")
    history.make_a_rule("globex", "staff", "analyst")
    history.make_a_rule("globex", "leads", "owner")
    history.make_a_rule("initech", "leads", "developer")


def _projects(history: Histories) -> None:
    support, later, secret, third = map(history.project, ("support", "later", "secret", "third"))
    for who, project, whom, role in (
        ("olivia", support, "vera", "developer"),
        ("olivia", support, "dev", "owner"),
        ("olivia", support, "rita", "admin"),
        ("olivia", support, "svc.acme.batch", "admin"),
        ("olivia", later, "dev", "admin"),
        ("greta", secret, "dev", "developer"),
        ("greta", secret, "rob", "developer"),
        ("adam", third, "vera", "admin"),
    ):
        history.give(who, project, whom, role)
    for who, project, holder in (
        ("dev", support, ""),
        ("vera", support, ""),
        ("olivia", support, "svc.acme.batch"),
        ("dev", later, ""),
        ("rob", secret, ""),
        ("olivia", secret, "svc.globex.ci"),
        ("rita", third, ""),
    ):
        history.issue(who, project, holder)
    history.rotate_a_key("olivia", 5, "24h")


def _for_a_time(history: Histories) -> None:
    history.ask_or_give_for_a_time("olivia", "acme", "vera", "admin")
    history.ask_or_give_for_a_time("olivia", "acme", "fin", "keeper")
    history.ask_or_give_for_a_time("dev", "acme", None, "admin")
    history.ask_or_give_for_a_time("rob", "acme", None, "owner")
    history.ask_or_give_for_a_time("greta", "globex", "dev", "owner")
    history.name_a_stand_in("greta", "acme", "dev", 0)
    history.name_a_stand_in("vera", "acme", "rob", 0)
    history.name_a_stand_in("adam", "acme", "rita", 2)
    history.name_a_stand_in("greta", "globex", "olivia", 0)


def _what_waits(history: Histories) -> None:
    history.invite("adam", "acme", "ned", "developer")
    history.invite("olivia", "acme", "pat", "keeper")
    history.invite("greta", "globex", "vera", "owner")
    for whom, role in (("rita", "admin"), ("fin", "viewer")):
        history.invite("olivia", "globex", whom, role)  # and may not any more:
    newest_first = list(history.seen.memberships.values())[::-1]
    history.change_role("greta", newest_first.index(("globex", "olivia")), "developer")
    history.ask_to_join("ned", "globex")
    history.ask_to_join("pat", "acme")
    history.offer("greta", "acme", "adam")  # of hers somebody else has a part while she is away
    history.begin_a_review("olivia", "acme")


def _what_is_closed(history: Histories) -> None:
    history.invite("adam", "initech", "ned", "admin")
    history.name_a_stand_in("adam", "initech", "vera", 0)
    history.close_or_open("olivia", history.project("later"), "archive")
    history.archive_a_tenant("adam", "initech", "archive")
