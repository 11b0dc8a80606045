"""The API as a whole: its document, who calls it, keys of requests, pages, and every verb through its front door."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from access.granting import grant
from access.models import Grant
from approvals.models import Request
from catalog.models import Route
from tenants import tokens
from tenants.models import ApiKey, Membership, Notification, Project, Sending, Tenant, User
from tenants.structure import create_project
from tests.access.teams import answers
from tests.cast import Cast, route

pytestmark = pytest.mark.django_db
HERE = "acme/support/development"


class Caller:
    """A program of a person, with their token."""

    def __init__(self, person: User) -> None:
        _, self.secret = tokens.issue(user=person, name="program", by=person)
        self.client = Client(headers={"Authorization": f"Bearer {self.secret}"})

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/{path}")
        assert answer.status_code == 200, (path, answer.content)
        return answer.json()

    def post(self, path: str, key: str = "", **body: Any) -> HttpResponse:
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(f"/api/{path}", json.dumps(body), "application/json", headers=headers)  # type: ignore[return-value]

    def patch(self, path: str, **body: Any) -> HttpResponse:
        return self.client.patch(f"/api/{path}", json.dumps(body), "application/json")  # type: ignore[return-value]

    def delete(self, path: str) -> int:
        return self.client.delete(f"/api/{path}").status_code


def ok(answer: Any, status: int = 200) -> Any:
    """The body of an answer that must have succeeded."""
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def refused(answer: Any, status: int, code: str = "") -> dict[str, Any]:
    """The problem document of an answer that must have been refused."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status and problem["detail"] and problem["title"]
    assert not code or problem["code"] == code
    return problem


def test_its_document_is_openapi_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json")
    document = json.loads(capsys.readouterr().out)
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) > 50
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert told["responses"], (method, path)
            if method == "post":
                assert any(p["name"] == "Idempotency-Key" for p in told["parameters"]), path


def test_it_is_read_as_a_page(cast: Cast, client: Client) -> None:
    client.force_login(cast.dev)
    page = client.get("/api/docs/").content.decode()
    for said in ("/api/access-requests/", "/api/keys/", "Idempotency-Key", "curl"):
        assert said in page


def test_a_stranger_and_a_wrong_token_are_told_how_to_come_in(cast: Cast) -> None:
    assert "Bearer" in Client().get("/api/tenants/")["WWW-Authenticate"]
    refused(Client().get("/api/tenants/"), 401)
    refused(Client(headers={"Authorization": "Bearer atrium_pat_x"}).get("/api/tenants/"), 401)


def test_a_session_needs_its_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.olivia)
    body = json.dumps({"tenant": "acme", "slug": "new", "name": "New"})
    refused(client.post("/api/projects/", body, "application/json"), 403)
    client.get("/tenants/acme/projects/")
    token = client.cookies["csrftoken"].value
    ok(client.post("/api/projects/", body, "application/json", headers={"X-CSRFToken": token}), 201)


def test_a_post_sent_twice_is_done_once(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    first = caller.post("projects/", "k-1", tenant="acme", slug="twice", name="Twice")
    again = caller.post("projects/", "k-1", tenant="acme", slug="twice", name="Twice")
    assert ok(first, 201) == ok(again, 201)
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert Project.objects.filter(slug="twice").count() == 1
    refused(caller.post("projects/", "k-1", tenant="acme", slug="other", name="Other"), 422, "idempotency_key_reused")
    refused(
        caller.post("memberships/", "k-1", tenant="acme", slug="twice", name="Twice"), 422, "idempotency_key_reused"
    )
    ok(Caller(cast.greta).post("projects/", "k-1", tenant="globex", slug="twice", name="Twice"), 201)


def test_a_refused_post_may_be_mended_and_sent_again_with_its_key(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    refused(caller.post("projects/", "k-2", tenant="acme", slug="support", name="Again"), 422, "slug_taken")
    ok(caller.post("projects/", "k-2", tenant="acme", slug="support-2", name="Again"), 201)
    refused(caller.post("projects/", "k" * 300, tenant="acme", slug="x", name="X"), 422, "idempotency_key_invalid")


def test_a_replayed_secret_is_withheld_and_kept_nowhere(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    first = ok(caller.post("keys/", "k-3", environment=HERE, name="job"), 201)
    again = caller.post("keys/", "k-3", environment=HERE, name="job")
    assert ok(again, 201) == {**first, "secret": None}
    assert again["Idempotency-Withheld"] == "secret"
    assert first["secret"].startswith("atrium_dev_") and ApiKey.objects.filter(name="job").count() == 1
    assert first["secret"] not in json.dumps(list(Sending.objects.values("answer", "request_hash", "key")))


@pytest.mark.django_db(transaction=True)
def test_two_sendings_at_once_do_it_once(cast: Cast) -> None:
    caller = Caller(cast.olivia)

    def send(_: int) -> int:
        try:
            return caller.post("projects/", "k-4", tenant="acme", slug="race", name="Race").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as several:
        statuses = list(several.map(send, range(6)))
    assert 201 in statuses and set(statuses) <= {201, 409}
    assert Project.objects.filter(slug="race").count() == 1


def test_pages_by_cursor_lose_nothing_and_double_nothing(cast: Cast) -> None:
    for number in range(7):
        create_project(tenant=cast.acme, slug=f"p-{number}", name=f"P {number}", by=cast.olivia)
    caller = Caller(cast.dev)
    seen: list[str] = []
    path = "projects/?limit=3"
    while path:
        page = caller.get(path)
        seen += [row["slug"] for row in page["results"]]
        create_project(tenant=cast.acme, slug=f"late-{len(seen)}", name="Late", by=cast.olivia)
        path = (page["next"] or "").partition("/api/")[2]
    assert len(seen) == len(set(seen)) == 8
    assert "secret" not in seen


def test_an_unknown_filter_value_is_named(cast: Cast) -> None:
    caller = Caller(cast.pat)
    for path in (
        "requests/?state=maybe", "keys/?state=maybe", "environments/?kind=staging", "memberships/?role=king",
        "people/?active=perhaps", "grants/?show=some", "decisions/?request=x", "notifications/?unread=x",
    ):  # fmt: skip
        problem = refused(caller.client.get(f"/api/{path}"), 422)
        assert problem["field"] == path.partition("?")[2].partition("=")[0]


def test_from_a_team_to_a_revoked_grant_without_a_page(cast: Cast) -> None:
    asked_route = route()
    owner, dev, board = Caller(cast.olivia), Caller(cast.dev), Caller(cast.rita)
    made = ok(
        dev.post("access-requests/", environment=HERE, route="echo-model", purpose="Try it", expected_calls_per_day=9),
        201,
    )
    number = made["number"]
    assert made["state"] == "in_review" and made["conversation"][0]["text"] == "Try it" and made["evidence"]
    refused(dev.post("access-requests/", environment=HERE, route="echo-model", purpose="Again"), 409)
    refused(dev.post(f"requests/{number}/vote/", verdict="approve", comment="Me too"), 403, "own_request")
    assert [row["number"] for row in board.get("requests/?waiting_for_me=true")["results"]] == [number]
    ok(board.post(f"requests/{number}/comment/", text="What for?"))
    decided = ok(board.post(f"requests/{number}/vote/", verdict="approve", comment="Fine"))
    assert decided["state"] == "approved" and decided["reviews"][0]["votes"][0]["voter"] == "rita"
    refused(board.post(f"requests/{number}/vote/", verdict="approve", comment="Fine"), 409)
    assert dev.get(f"decisions/{decided['decision']}/")["record"]["evidence"]
    [held] = dev.get("grants/?tenant=acme&route=echo-model")["results"]
    assert (held["environment"], held["request"], held["state"]) == (HERE, number, "active")
    [note] = [n for n in dev.get("notifications/?unread=true")["results"] if n["title"].startswith("Approved")]
    assert ok(dev.post(f"notifications/{note['id']}/read/"))["read_at"]
    refused(dev.post(f"grants/{held['id']}/revoke/", reason="Over"), 403, "permission_required")
    refused(owner.post(f"grants/{held['id']}/revoke/"), 422)
    assert ok(owner.post(f"grants/{held['id']}/revoke/", reason="Over"))["state"] == "revoked"
    assert not Grant.objects.in_force().filter(route=asked_route).exists()


def test_requests_are_withdrawn_and_tenants_asked_for(cast: Cast) -> None:
    newcomer = Caller(cast.ned)
    route()
    dev = Caller(cast.dev)
    number = ok(dev.post("access-requests/", environment=HERE, route="echo-model", purpose="Try"), 201)["number"]
    assert ok(dev.post(f"requests/{number}/withdraw/"))["state"] == "withdrawn"
    refused(newcomer.client.get(f"/api/requests/{number}/"), 404)
    ok(
        Caller(cast.pat).post(
            "policies/", subject_kind="onboarding", sentence="The risk board decides.", stages=[{"board": "risk"}]
        ),
        201,
    )
    begun = ok(newcomer.post("onboardings/", answers=answers(team={"slug": "new-team"})), 201)
    asked = ok(newcomer.post(f"onboardings/{begun['id']}/send/"), 201)
    ok(Caller(cast.rob).post(f"requests/{asked['number']}/vote/", verdict="approve", comment="Welcome"))
    assert newcomer.get("me/")["memberships"][0]["role"] == "owner"
    assert newcomer.get("tenants/new-team/")["my_role"] == "owner"


def test_members_are_added_changed_and_removed(cast: Cast) -> None:
    owner, dev = Caller(cast.olivia), Caller(cast.dev)
    refused(dev.post("memberships/", tenant="acme", person="ned", role="viewer"), 403)
    member = ok(owner.post("memberships/", tenant="acme", person="ned@example.test", role="viewer"), 201)
    refused(owner.post("memberships/", tenant="acme", person="ned", role="admin"), 409, "member_already")
    refused(owner.post("memberships/", tenant="acme", person="nobody", role="admin"), 422)
    refused(owner.post("memberships/", tenant="acme", person="rob", role="king"), 422, "unknown_role")
    assert ok(owner.patch(f"memberships/{member['id']}/", role="admin"))["role"] == "admin"
    admin = Caller(cast.ned)
    [olivia] = owner.get("memberships/?tenant=acme&role=owner")["results"]
    refused(admin.patch(f"memberships/{olivia['id']}/", role="viewer"), 403, "role_above_yours")
    refused(owner.client.delete(f"/api/memberships/{olivia['id']}/"), 409, "last_owner")
    assert owner.delete(f"memberships/{member['id']}/") == 204
    assert not Membership.objects.filter(user=cast.ned).exists()


def test_keys_and_tokens_open_until_they_are_revoked(cast: Cast) -> None:
    owner, dev, viewer = Caller(cast.olivia), Caller(cast.dev), Caller(cast.vera)
    issued = ok(owner.post("keys/", environment=HERE, name="job"), 201)
    refused(viewer.post("keys/", environment=HERE, name="mine"), 403)
    [listed] = [key for key in dev.get(f"keys/?environment={HERE}")["results"] if key["id"] == issued["id"]]
    assert "secret" not in listed and listed["prefix"] in issued["secret"]
    refused(viewer.post(f"keys/{issued['id']}/revoke/"), 403)
    assert ok(owner.post(f"keys/{issued['id']}/revoke/", reason="Leaked"))["state"] == "revoked"
    fresh = ok(dev.post("tokens/", name="laptop"), 201)
    program = Client(headers={"Authorization": f"Bearer {fresh['secret']}"})
    assert program.get("/api/me/").json()["username"] == "dev"
    refused(owner.client.get(f"/api/tokens/{fresh['id']}/"), 404)
    ok(dev.post(f"tokens/{fresh['id']}/revoke/"))
    refused(program.get("/api/me/"), 401)


def test_people_boards_and_tenants_are_for_those_who_may(cast: Cast) -> None:
    platform, auditor, dev = Caller(cast.pat), Caller(cast.ada), Caller(cast.dev)
    for path in ("people/", "boards/", "policies/"):
        refused(dev.client.get(f"/api/{path}"), 403)
        assert platform.get(path)["results"]
    refused(auditor.post("boards/", slug="ethics", name="Ethics"), 403)
    ok(platform.post("boards/", slug="ethics", name="Ethics"), 201)
    assert ok(platform.post("boards/ethics/seat/", person="ned"))["members"] == ["ned"]
    assert ok(platform.post("boards/ethics/unseat/", person="ned"))["members"] == []
    assert ok(platform.post("people/ned/appoint/", role="finops"))["roles"] == ["finops"]
    assert ok(platform.post("people/ned/dismiss/", role="finops"))["roles"] == []
    assert ok(platform.post("people/ned/deactivate/", reason="Left"))["is_active"] is False
    assert ok(platform.post("people/ned/activate/"))["is_active"] is True
    refused(platform.post("people/pat/deactivate/"), 409, "your_own_account")
    refused(dev.post("tenants/", slug="mine", name="Mine", owner="dev"), 403)
    ok(platform.post("tenants/", slug="third", name="Third", owner="ned"), 201)
    refused(dev.patch("tenants/acme/", name="Mine"), 403)
    assert ok(Caller(cast.olivia).patch("tenants/acme/", cost_centre="CC-1"))["cost_centre"] == "CC-1"
    assert Tenant.objects.get(slug="acme").name == "Acme"


def test_what_belongs_to_another_tenant_is_not_there(cast: Cast) -> None:
    """Every address that names one thing answers 404 to a stranger, as for a thing that never was."""
    route()
    grant(environment=cast.environment(), route=Route.objects.get(), by=cast.pat)
    owner, stranger = Caller(cast.olivia), Caller(cast.greta)
    key = ok(owner.post("keys/", environment=HERE, name="job"), 201)["id"]
    number = ok(
        Caller(cast.dev).post("access-requests/", environment="acme/support/test", route="echo-model", purpose="Try"),
        201,
    )["number"]
    Notification.objects.create(user=cast.dev, title="For Dev")
    own = {
        "tenants": "acme",
        "projects": str(cast.project.pk),
        "environments": str(cast.environment().pk),
        "memberships": str(Membership.objects.get(user=cast.dev).pk),
        "keys": key,
        "grants": str(Grant.objects.get().pk),
        "requests": str(number),
        "tokens": str(cast.dev.personal_tokens.get().pk),
        "notifications": str(Notification.objects.get(title="For Dev").pk),
    }
    for name, identity in own.items():
        problem = refused(stranger.client.get(f"/api/{name}/{identity}/"), 404)
        assert "acme" not in problem["title"].lower()
        results = stranger.get(f"{name}/")["results"]
        assert "support" not in json.dumps(results) and "For Dev" not in json.dumps(results)
    for path in (f"keys/{key}/revoke/", f"grants/{own['grants']}/revoke/"):
        refused(stranger.post(path, reason="Mine"), 404)
    refused(stranger.post(f"requests/{number}/withdraw/"), 404)
    refused(stranger.post("projects/", tenant="acme", slug="mine", name="Mine"), 404)
    refused(stranger.post("keys/", environment=HERE, name="mine"), 404)
    refused(stranger.post("access-requests/", environment=HERE, route="echo-model", purpose="x"), 404)
    refused(stranger.patch("tenants/acme/", name="Mine"), 404)
    assert stranger.delete(f"memberships/{own['memberships']}/") == 404
    assert Request.objects.get().state == "in_review"
