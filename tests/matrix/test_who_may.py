"""Who may what: every address of the product by every method it answers, as everybody, against `who_may.txt`.

A line is an address, a method and the status for each of the people. Verbs are sent what `bodies.py` holds for them,
else an empty body: 422 then means that the person may and the body was wanting, 403 and 404 that they may not. Nothing
that is done stays.

Nobody and Vera ask as a browser does, the others as scripts of our pages do: to them a refusal is told in a line and
not by a page, which takes longer than to find that they may not.
"""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tenants.models import User
from tenants.roles import TENANT_ROLES
from tests.cast import Cast
from tests.matrix.addresses import Address, live
from tests.matrix.bodies import BODIES
from tests.matrix.stage import ROLES, Stage

TABLE = Path(__file__).parent / "who_may.txt"
PEOPLE = (
    "nobody", "ned", "vera", "dev", "olivia", "greta", "rita", "fin", "ada", "pat", "adam", "anna", "bill"
)  # fmt: skip
# The people who hold a role of Acme and nothing else, by their role.
BY_ROLE = {"olivia": "owner", "dev": "developer", "vera": "viewer"} | ROLES
OF_PAGES = ("GET", "POST")
BY_SCRIPT = {"X-Requested-With": "XMLHttpRequest"}
WITH_A_BROWSER = ("nobody", "vera")
# Not asked here: what streams, reaches out to a provider, or answers for every path.
ELSEWHERE = {"playground:run", "playground-session-runs", "playground-session-again", "api-missing", "api-schema"}
ELSEWHERE |= {"usage:live-stream"}
ELSEWHERE |= {"provider-test", "provider-models", "catalog:test-provider"}
# What is one's own whatever one's role: a membership to end (the stage's is Vera's), a request to take back (Dev's), a
# tenant that one was asked to take over (Dev was).
OWN = {"tenants:ownership", "tenants:accept-ownership", "tenants:decline-ownership"}
OWN |= {"ownership-transfer-detail", "ownership-transfer-accept", "ownership-transfer-decline"}
OWN |= {"membership-detail", "tenants:removal", "tenants:remove-member", "request-withdraw", "approvals:withdraw"}
OWN |= {"elevation-withdraw", "tenants:withdraw-elevation", "request-change", "request-send", "approvals:change"}
OWN |= {"request-document", "approvals:document-removal"}
UUID_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = re.compile(r"\bR-\d+")
ONCE = re.compile(r'(csrfmiddlewaretoken" value="|X-CSRFToken[^:]*: ?(?:"|&quot;))[^"&]+')


def told() -> dict[tuple[str, str], list[str]]:
    """The table: by name and method the statuses in the order of `PEOPLE`."""
    rows = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    assert len({(name, method) for name, method, *_ in rows}) == len(rows), "a row is there twice"
    return {(name, method): statuses for name, method, *statuses in rows}


def asked() -> list[Address]:
    return [address for address in live() if address.name not in ELSEWHERE]


@pytest.mark.django_db
def test_the_table_names_every_address_with_its_methods_and_no_other(stage: Stage) -> None:
    """Which methods a page answers is asked of it: 405 means that it does not."""
    client, there, without = client_of(stage.cast, "pat"), set(), []
    for address in asked():
        for method in sorted({*address.methods} - {"HEAD"}) or OF_PAGES:
            row = (address.name, method)
            there.add(row)
            if row in told():
                continue
            if address.methods or send(client, method, stage.path_of(address)).status_code != 405:
                without.append(row)
    assert not without, "without a row"
    assert not sorted(told().keys() - there), "rows of nothing"
    assert not [row for row, statuses in told().items() if "405" in statuses], "rows of what is not answered"


@pytest.mark.django_db
@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_may_what_the_table_says(stage: Stage, person: str) -> None:
    addresses, place = by_name(), PEOPLE.index(person)
    client = client_of(stage.cast, person, by_script=person not in WITH_A_BROWSER)
    wrong = []
    for (name, method), statuses in told().items():
        path = stage.path_of(addresses[name])
        seen = str(send(client, method, path, BODIES.get((name, method))).status_code)
        if seen != statuses[place]:
            wrong.append(f"{method} {path} ({name}): {seen}, the table says {statuses[place]}")
    assert not wrong, "\n".join(wrong)


def test_the_table_agrees_with_the_roles() -> None:
    """Who holds all that another holds may all that the other may, and who holds the same may the same."""
    wrong = []
    for (name, method), statuses in told().items():
        if name in OWN:
            continue
        may = {person: statuses[PEOPLE.index(person)] not in ("403", "404") for person in BY_ROLE}
        for one, other in product(BY_ROLE, BY_ROLE):
            less, more = (TENANT_ROLES[BY_ROLE[person]].permissions for person in (one, other))
            if less <= more and may[one] and not may[other] and statuses[PEOPLE.index(other)] == "403":
                wrong.append(f"{method} {name}: {one} may and {other} not, who holds more")
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_who_was_switched_off_or_whose_session_is_over_is_nobody(stage: Stage) -> None:
    addresses, off, over = by_name(), client_of(stage.cast, "olivia"), client_of(stage.cast, "adam")
    User.objects.filter(username="olivia").update(is_active=False)
    Session.objects.filter(pk=over.cookies["sessionid"].value).update(expire_date=timezone.now())
    caches["default"].clear()
    wrong = []
    for (name, method), statuses in told().items():
        for who, client in (("off", off), ("over", over)):
            seen = str(send(client, method, stage.path_of(addresses[name]), BODIES.get((name, method))).status_code)
            if seen != statuses[0] and not (statuses[0] == "401" and seen == "403"):
                wrong.append(f"{method} {name} ({who}): {seen}, nobody gets {statuses[0]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_what_is_foreign_is_answered_word_for_word_like_what_is_missing(stage: Stage) -> None:
    addresses, greta, compared, wrong = by_name(), client_of(stage.cast, "greta"), 0, []
    for (name, method), statuses in told().items():
        address = addresses[name]
        if statuses[PEOPLE.index("greta")] != "404" or not address.parameters:
            continue
        compared += 1
        foreign, missing = stage.path_of(address), stage.missing_path_of(address)
        seen = [_plain(send(greta, method, path), path) for path in (foreign, missing)]
        if seen[0] != seen[1]:
            wrong.append(f"{method} {foreign} ({name}): {seen[0]}\n{method} {missing}: {seen[1]}")
    assert compared > 40
    assert not wrong, "\n\n".join(wrong)


def by_name() -> dict[str, Address]:
    return {address.name: address for address in asked()}


def client_of(cast: Cast, person: str, *, by_script: bool = False) -> Client:
    """What `person` asks with, signed in; by a script, to which a refusal is a line and not a page."""
    client = Client(raise_request_exception=False, headers=BY_SCRIPT if by_script else {})
    if person != "nobody":
        client.force_login(getattr(cast, person, None) or User.objects.get(username=person))
    return client


def send(client: Client, method: str, path: str, body: dict[str, Any] | None = None, *, keep: bool = False) -> Any:
    """The answer; nothing that was done stays, unless it is to be kept. A GET is sent it as its query, the API as
    JSON, a page as its form.
    """
    with transaction.atomic():
        if body and method == "GET":
            answer: Any = client.get(path, body)
        elif body and not path.startswith("/api/"):
            answer = client.post(path, body)
        else:
            answer = client.generic(
                method, path, b"" if method == "GET" else json.dumps(body or {}), "application/json"
            )
        if answer.streaming:
            list(answer.streaming_content)  # type: ignore[attr-defined]
        transaction.set_rollback(not keep)
    return answer


def _plain(answer: Any, path: str) -> tuple[int, str]:
    """Status and body without what differs from asking to asking: the names asked for, identifiers, one-time tokens."""
    text = NUMBER.sub("…", UUID_FORM.sub("…", ONCE.sub("…", answer.content.decode())))
    for part in sorted({path, *path.split("/")} - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(part)}(?![\w-])", "…", text)
    return answer.status_code, text
