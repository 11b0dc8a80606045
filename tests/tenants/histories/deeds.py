"""How people act in a history: through the front door, each with a token of theirs, on what they saw earlier."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tenants.roles import PROJECT_ROLES, TENANT_ROLES
from tests.tenants.histories.stage import NAMES, TENANTS, Stage

PEOPLE = st.sampled_from(NAMES)
# Mostly it is somebody who answers for the tenant: else hardly anything would happen.
ACTORS = st.sampled_from([*NAMES, *["a member"] * 8, *["an owner"] * 17])
# Mostly somebody who is in the tenant.
MEMBERS = st.sampled_from([*NAMES, *["a member"] * 2 * len(NAMES)])
IN_TENANTS = st.sampled_from([*TENANTS, "acme", "globex"])  # the third one is archived
ROLES = st.sampled_from(["owner", "owner", *TENANT_ROLES, "keeper"])
PERMISSIONS = st.sets(st.sampled_from(sorted(TENANT_ROLES["owner"].permissions)))
IN_PROJECTS = st.sampled_from([*PROJECT_ROLES])
PICK = st.integers(0, 23)  # how long ago what is acted upon was seen


class Deeds(RuleBasedStateMachine):
    """One history; it goes on from where the stage's opening ended, and is undone at its end."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.world, self.seen = copy.deepcopy((stage.world, stage.seen))
        self.steps = self.turn = 0
        self.refused: list[str] = []
        self.undone = transaction.atomic()
        self.undone.__enter__()

    @initialize(number=st.integers(0, 2**16))
    def begin(self, number: int) -> None:
        """The simplest history is the first one of every run: it is left out."""
        assume(number)
        self.turn = number

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def becomes_the_opening(self) -> None:
        """What was done stays, and every history goes on from here."""
        self.undone.__exit__(None, None, None)
        self.stage.world, self.stage.seen = self.world, self.seen

    def send(self, who: str, method: str, path: str, **body: Any) -> Any:
        """The answer's document, {} for none, None for a refusal."""
        client = self.stage.clients[who]
        answer = client.generic(method, f"/api/{path}", json.dumps(body), "application/json")
        assert answer.status_code < 500, answer.content
        if answer.status_code >= 400:
            self.refused.append(f"{who}: {path} {body}: {answer.json()['code']}")
            return None
        assert who in self.world.active, f"{who} is switched off and was answered"
        return json.loads(answer.content or b"{}")

    def post(self, who: str, path: str, **body: Any) -> Any:
        return self.send(who, "POST", path, **body)

    def somebody(self, who: str, tenant: str) -> str:
        """For "an owner" who answers for `tenant`, for "a member" who is in it, one after the other."""
        owners = sorted(self.world.owners(tenant) & self.world.active) or sorted(self.world.owners(tenant))
        members = sorted({name for where, name in self.world.members if where == tenant} & set(NAMES))
        found = {"an owner": owners, "a member": members}.get(who, [who])
        return found[self.steps % len(found)]

    def ago[T](self, things: Iterable[T], pick: int) -> T:
        """The last of `things`, or one that was seen longer ago."""
        newest_first = list(things)[::-1]
        return newest_first[pick % len(newest_first)]
