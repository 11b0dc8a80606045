"""The playground's API: a run comes back finished, and its key makes one run of it, whatever is sent again."""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from access.models import Grant
from playground.models import Answer, Turn
from tenants import once
from tenants.memberships import add_member
from tenants.models import Sending, User
from tests.playground.conftest import PATH, Stage

pytestmark = pytest.mark.django_db(transaction=True)


class Program:
    """A signed-in caller of the API with one session."""

    def __init__(self, person: User, *routes: str) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(person)
        columns = [{"route": slug} for slug in routes]
        self.session = self.post("", environment=PATH, columns=columns).json()["id"]

    def post(self, path: str, key: str = "", **body: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        address = f"/api/playground/sessions/{path}"
        return self.client.post(address, json.dumps(body), "application/json", headers=headers)

    def ask(self, key: str = "", *, prompt: str = "Hello", session: str = "") -> Any:
        return self.post(f"{session or self.session}/runs/", key, prompt=prompt)

    def again(self, key: str = "") -> Any:
        return self.post(f"{self.session}/again/", key, column=1)


def answers(told: Any) -> list[tuple[str, str]]:
    """State and text of each answer of a turn as the API told it."""
    assert told.status_code == 201, told.content
    return [(one["state"], one["text"]) for one in told.json()["answers"]]


def test_a_run_comes_back_finished(stage: Stage) -> None:
    stage.grant("says-hello-world")
    program = Program(stage.cast.dev, "says-hello-world")
    assert answers(program.ask()) == [("done", "hello world")]
    assert answers(program.again())[-1] == ("done", "hello world")


def test_a_run_with_a_key_comes_back_finished_and_sent_again_asks_no_model(stage: Stage) -> None:
    stage.grant("says-hello-world")
    program = Program(stage.cast.dev, "says-hello-world")
    first, second = program.ask("monday's run"), program.ask("monday's run")
    assert answers(first) == answers(second) == [("done", "hello world")]
    assert second["Idempotency-Replayed"] == "true"
    assert len(stage.upstream.bodies) == Turn.objects.count() == 1


def test_another_attempt_with_a_key_is_written_down_while_it_runs(stage: Stage) -> None:
    stage.grant("slow-a-b-c")
    program = Program(stage.cast.dev, "slow-a-b-c")
    program.ask()
    assert answers(program.again("k"))[-1] == ("done", "a b c")
    assert answers(program.again("k"))[-1] == ("done", "a b c")
    assert len(stage.upstream.bodies) == 2
    assert set(Answer.objects.values_list("state", flat=True)) == {"done"}


def test_a_key_belongs_to_one_run_of_one_session(stage: Stage) -> None:
    stage.grant("says-hello-world")
    program, key = Program(stage.cast.dev, "says-hello-world"), str(uuid4())
    other = Program(stage.cast.dev, "says-hello-world").session
    assert program.ask(key).status_code == 201
    for refused in (program.ask(key, prompt="Something else"), program.ask(key, session=other)):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert len(stage.upstream.bodies) == 1


def test_no_transaction_is_open_while_a_model_answers_and_a_second_sending_is_told_to_wait(stage: Stage) -> None:
    stage.upstream.pause_s = 0.3
    stage.grant("slow-a-b-c-d-e")
    program, told = Program(stage.cast.dev, "slow-a-b-c-d-e"), []

    def send() -> None:
        try:
            told.append(program.ask("k"))
        finally:
            connection.close()

    sending = threading.Thread(target=send)
    sending.start()
    while not stage.upstream.bodies:
        sending.join(0.02)
    second = Program(stage.cast.dev, "slow-a-b-c-d-e")
    second.session = program.session
    refused = second.ask("k")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE state LIKE 'idle in transaction%%' AND datname = current_database()"
        )
        [open_transactions] = cursor.fetchone()
    sending.join()
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_in_use")
    assert int(refused["Retry-After"]) >= 1
    assert open_transactions == 0
    assert answers(told[0]) == [("done", "a b c d e")]
    assert len(stage.upstream.bodies) == 1


def test_a_claim_whose_process_died_is_never_done_again_and_says_so(stage: Stage) -> None:
    stage.grant("says-hello-world")
    program = Program(stage.cast.dev, "says-hello-world")
    program.ask("k")
    Sending.objects.update(status=once.UNDER_WAY, answer={})  # as a killed process leaves it
    assert program.ask("k").json()["code"] == "idempotency_key_in_use"
    for sending in Sending.objects.all():
        sending.created_at -= once.LONGEST
        sending.save()
    lost = program.ask("k")
    assert (lost.status_code, lost.json()["code"]) == (409, "idempotency_outcome_unknown")
    assert len(stage.upstream.bodies) == 1


def test_a_refused_run_may_be_mended_and_sent_again_with_its_key(stage: Stage) -> None:
    stage.grant("says-hello-world")
    program = Program(stage.cast.dev, "says-hello-world")
    assert program.ask("k", prompt=" ").status_code == 422
    assert answers(program.ask("k")) == [("done", "hello world")]


def test_a_running_answer_is_stopped_from_another_caller_and_keeps_what_arrived(stage: Stage) -> None:
    stage.grant("endless-x")
    program, told = Program(stage.cast.dev, "endless-x"), []

    def send() -> None:
        try:
            told.append(program.ask())
        finally:
            connection.close()

    sending = threading.Thread(target=send)
    sending.start()
    while not stage.upstream.bodies:
        sending.join(0.02)
    other = Program(stage.cast.dev, "endless-x")
    nothing = other.post(f"{program.session}/stop/", answer=str(uuid4()))
    assert (nothing.status_code, nothing.json()) == (202, {"stopping": []})
    asked = other.post(f"{program.session}/stop/")
    running = Answer.objects.get(turn__session=program.session)
    assert (asked.status_code, asked.json()) == (202, {"stopping": [str(running.pk)]})
    sending.join(20)
    [(state, text)] = answers(told[0])
    assert state == "stopped" and text
    program.client.force_login(stage.cast.greta)
    assert program.post(f"{program.session}/stop/").status_code == 404


def test_columns_and_environment_of_a_session_are_changed(stage: Stage) -> None:
    stage.grant("says-hello-world", "says-good-day")
    program = Program(stage.cast.dev, "says-hello-world")
    address = f"/api/playground/sessions/{program.session}/"

    def change(**given: Any) -> Any:
        return program.client.patch(address, json.dumps(given), "application/json")

    two = [{"route": "says-good-day", "parameters": {"temperature": 0.5}}, {"route": "says-hello-world"}]
    changed = change(columns=two).json()
    assert [column["route"] for column in changed["columns"]] == ["says-good-day", "says-hello-world"]
    assert [text for _, text in answers(program.ask())] == ["good day", "hello world"]
    moved = change(environment=PATH.replace("development", "test")).json()
    assert moved["environment"].endswith("/test") and len(moved["columns"]) == 2
    for wrong, status in (
        ({"columns": []}, 422), ({"columns": [{"route": ""}]}, 422), ({"environment": "globex/x/test"}, 404),
        ({"columns": [{"route": "x", "parameters": {"temperature": 9}}]}, 422),
    ):  # fmt: skip
        assert change(**wrong).status_code == status, wrong
    assert program.client.get(address).json()["columns"] == changed["columns"]


def test_a_session_stays_in_its_tenant(stage: Stage) -> None:
    """Its members may read it; what another tenant's environment answers and pays for is no part of it."""
    stage.grant("says-hello-world")
    program = Program(stage.cast.dev, "says-hello-world")
    add_member(tenant=stage.cast.globex, user=stage.cast.dev, role="developer", by=stage.cast.greta)
    elsewhere = stage.cast.environment(of=stage.cast.foreign_project).path
    address = f"/api/playground/sessions/{program.session}/"
    told = program.client.patch(address, json.dumps({"environment": elsewhere}), "application/json")
    assert (told.status_code, told.json()["code"]) == (422, "wrong_environment")
    assert program.client.get(address).json()["environment"] == PATH


def test_a_column_states_its_purpose_where_the_access_asks_for_one(stage: Stage) -> None:
    stage.grant("says-hello-world")
    Grant.objects.update(conditions={"purposes": ["customer-support", "research"]})
    program = Program(stage.cast.dev, "says-hello-world")
    [(state, _)] = answers(program.ask())
    refused = Answer.objects.get()
    assert state == "refused" and refused.error_code == "purpose_not_granted"
    assert "“Purpose” in the settings of the column" in refused.error_message and not stage.upstream.bodies
    columns = [{"route": "says-hello-world", "parameters": {"purpose": " Research "}}]
    told = program.post("", environment=PATH, columns=columns).json()
    assert told["columns"][0]["parameters"] == {"purpose": "research"}
    assert answers(program.ask(session=told["id"])) == [("done", "hello world")]
    assert "purpose" not in stage.upstream.bodies[0], "it is said beside the request"


def test_what_is_no_purpose_is_refused(stage: Stage) -> None:
    stage.grant("says-hello-world")
    program = Program(stage.cast.dev, "says-hello-world")
    columns = [{"route": "says-hello-world", "parameters": {"purpose": "To sell more"}}]
    refused = program.post("", environment=PATH, columns=columns)
    assert refused.status_code == 422 and "customer-support" in refused.json()["detail"]
