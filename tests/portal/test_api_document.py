"""The OpenAPI document says what the API answers: real answers are held against it."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from jsonschema import Draft202012Validator

from tests.matrix.addresses import live
from tests.matrix.stage import Stage
from tests.matrix.stage import stage as stage  # a fixture
from tests.matrix.test_who_may import ELSEWHERE, client_of

pytestmark = pytest.mark.django_db
REFUSALS = {"401", "403", "404", "409", "422", "429", "503"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    told: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return told


NEEDED = {"place": "acme/support/development", "tenant": "acme"}  # what a question cannot do without


FILES = ("application/zip", "application/octet-stream")  # whose bytes have no schema


def reads(stage: Stage, document: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every GET of the document that can be asked here: by its address there a real one, and its operation."""
    shaped = {re.sub(r"{\w+}", "{}", path): path for path in document["paths"]}
    found = {}
    for address in live():
        path = shaped.get(re.sub(r"<[^>]+>", "{}", f"/{address.route}"))
        if path and "get" in document["paths"][path] and address.name not in ELSEWHERE:
            operation = document["paths"][path]["get"]
            told = [each for each in operation.get("parameters", ()) if each["in"] == "query" and each.get("required")]
            needed = [each["name"] for each in told if each["name"] in NEEDED]
            asked = "&".join(f"{name}={NEEDED[name]}" for name in needed)
            found[path] = (f"{stage.path_of(address)}?{asked}", operation)
    return found


def against(document: dict[str, Any], operation: dict[str, Any], answer: Any) -> list[str]:
    """What the answer and the document disagree about."""
    told = operation["responses"].get(str(answer.status_code))
    if told is None:
        return [f"{answer.status_code} is not in the document"]
    kind = answer["Content-Type"].partition(";")[0]
    if kind not in told["content"]:
        return [f"{kind} is not in the document"]
    if kind in FILES:
        return []
    schema = {**told["content"][kind]["schema"], "components": document["components"]}
    return [
        f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(schema).iter_errors(answer.json())
    ]


def test_every_read_answers_what_the_document_says(stage: Stage, document: dict[str, Any]) -> None:
    clients = [client_of(stage.cast, person) for person in ("pat", "dev", "olivia")]
    asked = reads(stage, document)
    assert len(asked) > 45
    wrong = []
    for path, (real, operation) in asked.items():
        answers = [client.get(real) for client in clients]
        good = [answer for answer in answers if answer.status_code == 200]
        wrong += [f"{path}: nobody is answered"] if not good else []
        wrong += [f"{path} {fault}" for answer in answers for fault in against(document, operation, answer)]
    assert not wrong, "\n".join(wrong)


def test_every_refusal_is_the_problem_document(stage: Stage, document: dict[str, Any]) -> None:
    wrong = []
    for path, (real, operation) in reads(stage, document).items():
        for client, status in ((Client(), {401}), (client_of(stage.cast, "greta"), {200, 403, 404})):
            answer = client.get(real)
            assert answer.status_code in status, path
            wrong += [f"{path} {fault}" for fault in against(document, operation, answer)]
    assert not wrong, "\n".join(wrong)


def test_every_operation_names_the_refusals(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["responses"].keys() >= REFUSALS, (method, path)


def test_what_is_one_thing_is_told_as_one_thing(document: dict[str, Any]) -> None:
    for path in ("/api/me/", "/api/models/", "/api/usage/figures/"):
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert "$ref" in schema, path


def test_the_document_is_made_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    making, most = 0, 0

    def slowly(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        nonlocal making, most
        making += 1
        most = max(most, making)
        time.sleep(0.02)
        making -= 1
        return {"paths": {}}

    monkeypatch.setattr(SchemaGenerator, "get_schema", slowly)
    generators = [spectacular_settings.DEFAULT_GENERATOR_CLASS() for _ in range(4)]
    with ThreadPoolExecutor(4) as four:
        list(four.map(lambda one: one.get_schema(public=True), generators))
    assert most == 1
