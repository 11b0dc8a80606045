"""A tenant that asks for a network or a second factor answers none of its addresses to who comes without, by session or
by token, and no address that is not its own tells anything of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants import tokens
from tenants.models import Tenant
from tests.cast import Cast
from tests.matrix.bodies import BODIES
from tests.matrix.stage import Stage
from tests.matrix.test_one_wall import LISTS, WALLS, without_the_first, without_the_second
from tests.matrix.test_who_may import PEOPLE, by_name, client_of, send, told

# Whatever is asked, its answer names the tenant by nothing but its name and this.
SAID = {
    "network": "can be opened from certain networks only, and you come from 127.0.0.1",
    "second factor": "is open to people with a second factor",
}
# Of the developer alone, and of no tenant.
OF_NO_TENANT = (
    "notification-", "token-", "tenants:revoke-token", "my-session-", "bell-", "tenants:my", "my-invitation-",
    "tenants:accept-invitation", "tenants:decline-invitation", "onboarding-", "access:onboarding", "access:check",
    "access:send-onboarding", "access:discard", "access:retry-onboarding", "access:take-back-onboarding",
    "tenants:withdraw-joining", "join-request-withdraw", "notices:choices", "notices:stop", "notices:undo",
)  # fmt: skip
SECRETS = ("acme/support", "Support", "/tenants/acme/", "echo-model")

__all__ = ["without_the_first", "without_the_second"]  # fixtures


def shut(tenant: Tenant, door: str) -> None:
    if door == "network":
        Tenant.objects.filter(pk=tenant.pk).update(allowed_networks=["203.0.113.0/24"])
    else:
        Tenant.objects.filter(pk=tenant.pk).update(second_factor_from=timezone.now())


def by_token(cast: Cast, person: str) -> Client:
    _, secret = tokens.issue(user=getattr(cast, person), name="walk", by=getattr(cast, person))
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.django_db
@pytest.mark.parametrize("door", SAID)
@pytest.mark.parametrize("person", ["olivia", "dev"])
@pytest.mark.parametrize("how", ["session", "token"])
def test_every_address_of_the_tenant_is_closed(stage: Stage, door: str, person: str, how: str) -> None:
    addresses, cast = by_name(), stage.cast
    # Dev asks as a browser does and is told by a page, Olivia by a line.
    client = client_of(cast, person, by_script=person != "dev") if how == "session" else by_token(cast, person)
    shut(cast.acme, door)
    wrong, closed = [], 0
    for (name, method), statuses in told().items():
        path = stage.path_of(addresses[name])
        if (how == "token" and not path.startswith("/api/")) or name.startswith(OF_NO_TENANT):
            continue
        if statuses[PEOPLE.index("ned")] != "404" or statuses[PEOPLE.index(person)] in ("404", "405"):
            continue
        answer, closed = send(client, method, path, BODIES.get((name, method))), closed + 1
        if answer.status_code != 403 or SAID[door] not in text_of(answer):
            wrong.append(f"{method} {path} ({name}): {answer.status_code}, {text_of(answer)[:200]}")
    assert not wrong, "\n".join(wrong)
    assert closed > 50


@pytest.mark.django_db
@pytest.mark.parametrize("door", SAID)
def test_no_list_tells_of_it(stage: Stage, door: str) -> None:
    """What everybody may open shows the same people less, and the same to who belongs nowhere else."""
    addresses, cast = by_name(), stage.cast
    client, told_of, wrong = client_of(cast, "olivia"), 0, []
    lists = [
        addresses[name]
        for (name, method), statuses in told().items()
        if method == "GET" and statuses[PEOPLE.index("ned")] == "200" and not addresses[name].parameters
    ]
    before = {each.name: text_of(send(client, "GET", stage.path_of(each))) for each in lists}
    shut(cast.acme, door)
    of_ned = client_of(cast, "ned")
    ned = {each.name: text_of(send(of_ned, "GET", stage.path_of(each))) for each in lists}
    for each in lists:
        shown = text_of(send(client, "GET", stage.path_of(each)))
        for secret in SECRETS:
            told_of += secret in before[each.name] and secret not in ned[each.name]
            if secret in shown and secret not in ned[each.name]:
                wrong.append(f"{each.name} shows {secret}")
    assert not wrong, "\n".join(wrong)
    assert told_of > 10, "there was something to leave out"


@pytest.mark.django_db
@pytest.mark.parametrize("door", SAID)
@pytest.mark.parametrize("wall", WALLS)
def test_either_wall_alone_leaves_it_out_of_lists(
    stage: Stage, door: str, wall: str, request: pytest.FixtureRequest
) -> None:
    shut(stage.cast.acme, door)
    request.getfixturevalue(wall)
    client = client_of(stage.cast, "olivia")
    for name in LISTS:
        answer = client.get(f"/api/{name}/")
        assert (answer.status_code, "acme" in text_of(answer)) == (200, False), name


@pytest.mark.django_db
@pytest.mark.parametrize("door", SAID)
def test_what_htmx_asks_for_is_refused_as_a_toast(cast: Cast, door: str) -> None:
    shut(cast.acme, door)
    answer = client_of(cast, "dev").get("/tenants/acme/members/", headers={"HX-Request": "true"})
    assert answer.status_code == 403
    assert SAID[door] in answer.json()["text"]


@pytest.mark.django_db
@pytest.mark.parametrize("door", SAID)
def test_people_above_tenants_are_not_bound(cast: Cast, door: str) -> None:
    shut(cast.acme, door)
    assert client_of(cast, "pat").get("/tenants/acme/security/").status_code == 200


def text_of(answer: Any) -> str:
    if answer.streaming:
        return ""
    text: str = answer.content.decode()
    return text
