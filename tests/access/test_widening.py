"""More than a grant's conditions allow: asked for on top of what is held, told to who decides, left to no tenant."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from access.asking import request_access
from access.changing import WiderThanDecided
from access.conditions import NONE, read
from access.granting import grant, revoke
from access.models import Grant
from approvals.delegation.tables import Delegation
from approvals.models import Request
from approvals.superseding import SuspendedMeanwhile
from approvals.suspending import suspend
from approvals.voting import vote
from catalog.models import Route
from tests.cast import Cast, route

HELD = {"regions": ["eu"], "data_classes": ["public"], "max_output_tokens": 100, "tools": []}
URL = "/requests/new/access/echo-model/?environment=acme/support/development"


@pytest.fixture
def held(cast: Cast) -> Grant:
    return grant(environment=cast.environment(), route=route(), by=cast.pat, conditions=read(HELD))


@pytest.fixture
def left(cast: Cast) -> None:
    """Access to models is left to tenants."""
    Delegation.objects.create(capability="models", mode="tenant", threshold={}, sentence="We trust them.")


def wanting(cast: Cast, **conditions: Any) -> Request:
    return request_access(
        environment=cast.environment(), route=Route.objects.get(), purpose="More", by=cast.olivia,
        conditions=read(conditions),
    )  # fmt: skip


def state_of(request: Request) -> str:
    return str(Request.objects.get(pk=request.pk).state)


def told(request: Request) -> dict[str, str]:
    evidence = Request.objects.get(pk=request.pk).decision.record["evidence"]
    return {fact["name"]: fact["value"] for fact in evidence}


def approve(cast: Cast, request: Request) -> None:
    vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita)


def test_it_works(
    cast: Cast, held: Grant, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The form begins with what is held, so that what is not touched stays demanded."""
    client.force_login(cast.dev)
    with django_assert_max_num_queries(12):
        page = client.get(URL)
    assert "acme/support/development is held to conditions" in page.content.decode()
    form = page.context["form"]
    typed = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    assert typed["regions"] == "eu" and typed["data_classes"] == ["public"] and typed["tools"] == "none"
    sent = client.post(URL, typed | {"purpose": "More", "max_output_tokens": "5000"})
    request = Request.objects.get()
    assert sent["Location"] == request.get_absolute_url()
    client.force_login(cast.rita)
    seen = client.get(request.get_absolute_url()).content.decode()
    assert "In force now" in seen and "Would be lost" in seen
    assert "In force now" in client.get(f"{request.get_absolute_url()}?tab=evidence").content.decode()
    approve(cast, request)
    assert Grant.objects.in_force().get().conditions == HELD | {"max_output_tokens": 5000}
    evidence = told(request)
    assert evidence["In force now"] == (
        "Data: public; Answered in eu only; At most 100 tokens of answer; No tools"
    )  # fmt: skip
    assert evidence["Would be lost"] == "At most 100 tokens of answer"
    assert "In force now" not in client.get(request.get_absolute_url()).content.decode()


def test_who_decides_is_told_all_that_would_be_lost(cast: Cast, held: Grant) -> None:
    request = wanting(cast, max_output_tokens=50, regions=["eu-west-1", "us"])
    vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita, conditions={"regions": ["eu"]})
    assert told(request)["Would be lost"] == "Data: public; No tools"
    assert Grant.objects.in_force().get().conditions == {"max_output_tokens": 50, "regions": ["eu-west-1"]}


def test_a_tenant_does_not_give_itself_more_than_was_decided(
    cast: Cast, held: Grant, left: None, client: Client
) -> None:
    client.force_login(cast.olivia)
    assert "Risk board" in client.get(URL).content.decode(), "who asks for more is told who decides on it"
    request = wanting(cast, max_output_tokens=5000)
    assert request.state == "in_review" and request.reviews.get().board == cast.risk
    assert Grant.objects.in_force().get() == held
    approve(cast, request)
    assert Grant.objects.in_force().get().conditions == {"max_output_tokens": 5000}


def test_ending_a_grant_is_no_way_round_its_conditions(cast: Cast, held: Grant, left: None, client: Client) -> None:
    revoke(grant=held, by=cast.olivia, reason="To ask anew")
    again = wanting(cast, **HELD)
    assert again.state == "approved" and Grant.objects.in_force().get().conditions == HELD
    revoke(grant=Grant.objects.in_force().get(), by=cast.olivia, reason="To ask anew")
    client.force_login(cast.olivia)
    assert "Its access has ended" in client.get(URL).content.decode()
    request = wanting(cast)
    assert request.state == "in_review" and not Grant.objects.in_force().exists()
    approve(cast, request)
    assert told(request)["In force until it ended"].startswith("Data: public")


def test_what_was_decided_meanwhile_holds(cast: Cast, left: None) -> None:
    made = route()
    request = request_access(environment=cast.environment(), route=made, purpose="Mail", by=cast.dev)
    grant(environment=cast.environment(), route=made, by=cast.pat, conditions=read(HELD))
    with pytest.raises(WiderThanDecided):
        vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.olivia)
    assert Grant.objects.in_force().get().conditions == HELD
    assert Request.objects.get(pk=request.pk).state == "in_review"


def test_a_tenant_does_not_lift_a_suspension_by_asking_anew(
    cast: Cast, left: None, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    route()
    client.force_login(cast.olivia)
    assert "Risk board" not in client.get(URL).content.decode()
    first = wanting(cast)
    assert first.state == "approved"
    suspend(request=first, reason="The provider had a leak.", by=cast.pat)
    with django_assert_max_num_queries(12):
        page = client.get(URL)
    assert "Risk board" in page.content.decode()
    again = wanting(cast)
    assert (again.state, again.reviews.get().board) == ("in_review", cast.risk)
    assert state_of(first) == "suspended" and not Grant.objects.in_force().exists()
    approve(cast, again)
    assert (state_of(first), state_of(again)) == ("superseded", "approved") and Grant.objects.in_force().exists()


def test_a_tenant_does_not_lift_what_was_suspended_while_it_was_asked(cast: Cast, left: None) -> None:
    made = route()
    first = wanting(cast)
    revoke(grant=Grant.objects.get(), by=cast.olivia, reason="Not now")
    again = request_access(environment=cast.environment(), route=made, purpose="Mail", by=cast.dev)
    suspend(request=first, reason="The provider had a leak.", by=cast.pat)
    with pytest.raises(SuspendedMeanwhile):
        vote(review=again.reviews.get(), verdict="approve", comment="ok", by=cast.olivia)
    assert (state_of(first), state_of(again)) == ("suspended", "in_review")
    vote(review=again.reviews.get(), verdict="refuse", comment="The platform decides.", by=cast.olivia)
    assert not Grant.objects.in_force().exists()


def test_what_is_not_kept() -> None:
    held = read(HELD | {"min_temperature": 0.5, "streaming": False})
    assert held.not_kept_by(held) == NONE and held.not_kept_by(NONE) == held
    other = read({"regions": ["us"], "max_output_tokens": 100, "data_classes": ["public", "internal"], "tools": ["x"]})
    lost = {"regions": ["eu"], "data_classes": ["public"], "tools": [], "min_temperature": 0.5, "streaming": False}
    assert held.not_kept_by(other).as_json() == lost
