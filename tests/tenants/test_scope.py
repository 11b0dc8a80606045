"""Wall one: whatever touches a tenant's rows without a scope is refused before it is sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Prefetch
from django.test import Client

from access.asking import request_access
from access.models import Offboarding, Onboarding
from access.offboarding.beginning import begin
from approvals.models import DecisionVerification, Request, Review
from audit.models import Verification
from catalog.models import ImportRun, Model
from notices.models import Endpoint
from notices.webhooks import endpoints
from portal.celery import app
from tenants import scope
from tenants.arrivals import InvitationBatch
from tenants.keys import issue
from tenants.models import ApiKey, Membership, Project, Tenant, User
from tenants.owned import owned_models, path_to_tenant
from tenants.scope import Unscoped, everything, of_person, only, within
from tests.cast import Cast, route

ROOMS = ("audit", "tenants", "approvals", "catalog", "usage", "access", "gateway", "playground", "portal", "notices")


async def _listed() -> list[Project]:
    return [project async for project in Project.objects.all()]


async def _there() -> bool:
    return await Project.objects.aexists()


def _by_cursor() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_project")


def _many_by_cursor() -> None:
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE tenants_project SET name = %s", [("a",), ("b",)])


def _in_raw_composition() -> None:
    from psycopg import sql

    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("access_grant")))  # type: ignore[arg-type]


TOUCHES: dict[str, Callable[[], Any]] = {
    "list": lambda: list(Project.objects.all()),
    "get": lambda: Project.objects.get(slug="support"),
    "first": lambda: Tenant.objects.first(),
    "exists": lambda: Project.objects.exists(),
    "count": lambda: ApiKey.objects.count(),
    "aggregate": lambda: Project.objects.aggregate(latest=Max("created_at")),
    "iterator": lambda: list(Project.objects.iterator()),
    "in bulk": lambda: Project.objects.in_bulk(),
    "values": lambda: list(Membership.objects.values_list("role")),
    "explain": lambda: Project.objects.all().explain(),
    "aexists": lambda: async_to_sync(_there)(),
    "async iteration": lambda: async_to_sync(_listed)(),
    "sub-query": lambda: list(User.objects.filter(Exists(Membership.objects.filter(user=OuterRef("pk"))))),
    "join from another model": lambda: list(User.objects.filter(memberships__role="owner")),
    "prefetch": lambda: list(User.objects.prefetch_related(Prefetch("memberships"))),
    "child of an owned row": lambda: list(Review.objects.all()),
    "union": lambda: list(User.objects.values("pk").union(Tenant.objects.values("pk"))),
    "raw": lambda: list(Project.objects.raw("SELECT * FROM tenants_project")),
    "cursor": _by_cursor,
    "cursor, many": _many_by_cursor,
    "composed statement": _in_raw_composition,
    "create": lambda: Tenant.objects.create(slug="new", name="New"),
    "get or create": lambda: Tenant.objects.get_or_create(slug="acme"),
    "bulk create": lambda: Tenant.objects.bulk_create([Tenant(slug="new", name="New")]),
    "update": lambda: Project.objects.update(name="x"),
    "delete": lambda: Project.objects.all().delete(),
    "lock": lambda: list(Tenant.objects.select_for_update()),
}


@pytest.mark.django_db
@pytest.mark.parametrize("touch", TOUCHES)
def test_every_kind_of_touch_is_refused_without_a_scope(cast: Cast, touch: str) -> None:
    with within(None), pytest.raises(Unscoped, match="belongs to tenants"), transaction.atomic():
        TOUCHES[touch]()
    with transaction.atomic():
        TOUCHES[touch]()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_rows_that_were_read_are_saved_and_deleted_within_a_scope_only(cast: Cast) -> None:
    project = cast.project
    acts = (
        project.save,
        project.refresh_from_db,
        project.delete,
        lambda: Project.objects.bulk_update([project], ["name"]),
    )
    for act in acts:
        with within(None), pytest.raises(Unscoped), transaction.atomic():
            act()
    with within(None), pytest.raises(Unscoped):
        str(ApiKey(environment_id=cast.environment().pk).environment)  # followed lazily


@pytest.mark.django_db
def test_what_every_tenant_shares_needs_no_scope(cast: Cast) -> None:
    with within(None):
        assert list(Model.objects.all()) == []
        assert User.objects.filter(username="dev").exists()


def test_every_model_of_ours_says_whose_its_rows_are() -> None:
    silent, both = [], []
    for model in apps.get_models():
        if model._meta.app_label not in ROOMS:
            continue
        owned, shared = path_to_tenant(model), getattr(model, "shared_because", "")
        (silent if not owned and not shared else both if owned and shared else []).append(model._meta.label)
    assert silent == [], "no tenant's, and no reason"
    assert both == [], "a tenant's and everybody's"
    assert {"tenants.Tenant", "approvals.Vote", "playground.Answer", "usage.Call"} <= {
        model._meta.label for model in owned_models()
    }


def test_a_child_leads_to_its_tenant() -> None:
    from approvals.models import Vote
    from playground.models import Answer

    assert path_to_tenant(Vote) == "review__request__tenant"
    assert path_to_tenant(Answer) == "turn__session__tenant"
    assert path_to_tenant(Tenant) == "pk" and path_to_tenant(User) is None


@pytest.mark.django_db
def test_the_scope_of_a_person_are_their_tenants_or_every_one(cast: Cast) -> None:
    assert of_person(cast.dev).tenants == {cast.acme.pk}
    assert of_person(cast.ned).tenants == frozenset()
    assert of_person(cast.pat).tenants is None
    cast.dev.is_active = False
    assert of_person(cast.dev) is scope.NOBODY


@pytest.mark.django_db
def test_a_scope_ends_where_it_was_entered_also_when_nested_or_raised_through(cast: Cast) -> None:
    with within(None):
        with only(cast.acme):
            with everything("the whole"):
                assert scope.current().tenants is None
            assert scope.current().tenants == {cast.acme.pk}
        with pytest.raises(ZeroDivisionError), everything("it breaks"):
            raise ZeroDivisionError
        with pytest.raises(Unscoped):
            scope.current()


def test_a_decorated_function_and_coroutine_run_within_their_scope() -> None:
    @everything("it counts")
    def count() -> str:
        return scope.current().because

    @everything("it waits")
    async def wait() -> str:
        await asyncio.sleep(0)
        return scope.current().because

    with within(None):
        assert count() == "it counts"
        assert asyncio.run(wait()) == "it waits"
        assert not scope.is_set()
    with pytest.raises(TypeError, match="enter it inside"):

        @everything("it would end at once")
        def each() -> Any:
            yield 1


def test_a_thread_begins_without_a_scope_and_takes_one_along_when_told() -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(scope.is_set())

    taken = copy_context()
    for target in (look, lambda: taken.run(look)):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    assert seen == [False, True]


@pytest.mark.django_db
def test_a_request_runs_in_the_scope_of_its_person_and_so_does_what_it_streams(cast: Cast) -> None:
    issue(environment=cast.environment(), name="job", by=cast.olivia)
    client = Client()
    client.force_login(cast.olivia)
    with within(None):
        assert client.get("/tenants/acme/keys/").status_code == 200
        response = client.get("/tenants/acme/keys/?format=csv")
        assert response.streaming and b"job" in b"".join(response)  # type: ignore[arg-type]  # read after the request
        assert not scope.is_set()


@pytest.mark.django_db
def test_a_token_tells_whose_scope_it_is(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenants import tokens
    from tenants.api.structure import TenantViewSet

    seen: list[scope.Scope] = []
    monkeypatch.setattr(TenantViewSet, "list", lambda self, request: seen.append(scope.current()) or _empty())
    _, secret = tokens.issue(user=cast.dev, name="t", by=cast.dev)
    Client().get("/api/tenants/", headers={"Authorization": f"Bearer {secret}"})
    Client().get("/api/tenants/")
    assert [one.person for one in seen] == [cast.dev.pk]
    assert seen[0].tenants == {cast.acme.pk}


def _empty() -> Any:
    from rest_framework.response import Response

    return Response([])


def _under_way() -> Onboarding:
    return Onboarding.objects.create(requester=User.objects.get(username="ned"), state="provisioning")


def _list_of_invitations() -> InvitationBatch:
    tenant, by = Tenant.objects.get(slug="acme"), User.objects.get(username="olivia")
    return InvitationBatch.objects.create(tenant=tenant, created_by=by, state="running")


def _leaving() -> Offboarding:
    return begin(tenant=Tenant.objects.get(slug="acme"), reason="Dissolved", by=User.objects.get(username="olivia"))


def _webhook() -> Endpoint:
    tenant, by = Tenant.objects.get(slug="acme"), User.objects.get(username="olivia")
    return endpoints.add(tenant=tenant, url="https://hooks.example.com/", events=["key.issued"], by=by)[0]


def _jobs() -> dict[str, Callable[[], tuple[Any, ...]]]:
    """The background jobs of our rooms, and what each is given."""
    given: dict[str, Callable[[], tuple[Any, ...]]] = {
        "catalog.import_catalog": lambda: (ImportRun.objects.create().pk,),
        "access.provision": lambda: (str(_under_way().pk),),
        "access.offboard": lambda: (str(_leaving().pk),),
        "tenants.send_invitations": lambda: (str(_list_of_invitations().pk),),
        "notices.deliver": lambda: (str(_webhook().pk),),
        "approvals.collect_evidence": lambda: (str(Request.objects.get().pk),),
        "approvals.verify_decisions": lambda: (str(DecisionVerification.objects.create().pk),),
        "audit.verify_all": lambda: (str(Verification.objects.create().pk),),
    }
    app.loader.import_default_modules()
    return {name: given.get(name, tuple) for name in app.tasks if name.partition(".")[0] in ROOMS}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(_jobs()))
def test_a_background_job_says_for_whom_it_works(cast: Cast, name: str) -> None:
    request_access(environment=cast.environment(), route=route("served-model"), purpose="x", by=cast.dev)
    given = _jobs()[name]()
    with within(None):
        app.tasks[name].run(*given)
        assert not scope.is_set()
