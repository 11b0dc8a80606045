"""Short names: chosen once, never changed, and no two that can be mistaken for each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from approvals.models import Policy
from tenants.alike import look_of_slug, slug_skeleton
from tenants.models import Project, Tenant
from tenants.scope import everything
from tenants.structure import SlugTaken, create_project, create_tenant
from tests.access.teams import send_team
from tests.cast import Cast
from tests.database import as_owner
from tests.tenants.test_invitations import signed_in

ALIKE = [
    ("a-c-m-e", "acme"), ("acrne", "acme"), ("g1obex", "globex"), ("giobex", "globex"), ("gl0bex", "globex"),
    ("glo-bex", "globex"), ("j0in", "join"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def policy(cast: Cast) -> Policy:
    return Policy.objects.create(
        slug="onboarding",
        subject_kind="onboarding",
        sentence="The risk board decides.",
        stages=[{"board": "risk", "quorum": 1}],
    )


@pytest.fixture
def pat(cast: Cast) -> Client:
    return signed_in(cast.pat)


def create(client: Client, **given: str) -> Any:
    return client.post("/api/tenants/", {"name": "Other", "owner": "ned"} | given, "application/json")


def test_it_works(cast: Cast, pat: Client) -> None:
    told = create(pat, slug="g1obex")
    assert told.status_code == 422 and told.json()["code"] == "slug_taken"
    assert "“g1obex” can be mistaken for a short name that is taken" in told.json()["detail"]
    assert create(pat, slug="treasury").status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(("slug", "other"), ALIKE)
def test_what_looks_like_a_tenant_or_an_address_of_ours_is_refused(cast: Cast, slug: str, other: str) -> None:
    with pytest.raises(SlugTaken, match="can be mistaken"):
        create_tenant(slug=slug, name="Other", owner=cast.ned, by=cast.pat)


@pytest.mark.django_db
def test_letters_of_other_alphabets_are_refused_whatever_they_look_like(pat: Client) -> None:
    for slug in ("аcme", "ａｃｍｅ", "acmé", "ACME", "trеasury", "xn--acme", "acme "):
        assert create(pat, slug=slug).status_code == 422, slug
    assert not Tenant.objects.exclude(slug__in=["acme", "globex"]).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("slug", "named"),
    [
        ("trеasury", "“е” (Cyrillic small letter ie) cannot be in a short name."),
        ("acmе", "“е” (Cyrillic small letter ie) cannot be in a short name."),
        ("trea\u200bsury", "U+200B (Zero width space) cannot be in a short name."),
    ],
)
def test_the_letter_that_is_another_is_named(cast: Cast, pat: Client, slug: str, named: str) -> None:
    assert named in create(pat, slug=slug).json()["detail"]
    project = {"tenant": "acme", "slug": slug, "name": "Other"}
    assert named in signed_in(cast.olivia).post("/api/projects/", project, "application/json").json()["detail"]
    team = {"name": "T", "slug": slug, "line_of_business": "x", "cost_centre": "x", "sponsor": "x"}
    told = signed_in(cast.ned).post("/api/onboardings/", {"answers": {"team": team}}, "application/json")
    assert named in told.json()["detail"]


def test_a_page_says_so_beside_the_field(cast: Cast, pat: Client) -> None:
    page = pat.post("/tenants/create/", {"slug": "acrne", "name": "Acme", "owner": "ned"}).content.decode()
    assert "can be mistaken for a short name that is taken" in page


def test_the_wizard_refuses_it_too(cast: Cast) -> None:
    ned = signed_in(cast.ned)
    team = {"name": "T", "slug": "glob-ex", "line_of_business": "x", "cost_centre": "x", "sponsor": "x"}
    told = ned.post("/api/onboardings/", {"answers": {"team": team}}, "application/json")
    assert told.status_code == 422 and "can be mistaken" in told.json()["detail"]


def test_of_two_teams_that_ask_for_names_that_look_alike_the_second_is_refused(cast: Cast) -> None:
    send_team(slug="treasury-1", by=cast.ned)
    with pytest.raises(SlugTaken, match="asked for this short name, or for one that looks like it") as refused:
        send_team(slug="treasury-l", by=cast.dev)
    assert refused.value.way_out.endswith("/team/"), "to the page where another is chosen"


def test_the_board_is_told_of_tenants_whose_name_looks_the_same(cast: Cast) -> None:
    asked = send_team(slug="treasury", by=cast.ned, team={"name": "ACME!", "slug": "treasury"})
    page = signed_in(cast.rita).get(f"/requests/{asked.number}/?tab=evidence").content.decode()
    assert "Tenants whose name looks the same" in page
    assert signed_in(cast.rita).get(f"/requests/{asked.number}/").status_code == 200


def test_projects_look_alike_within_a_tenant_alone(cast: Cast) -> None:
    with pytest.raises(SlugTaken, match="“supp0rt” can be mistaken for “support”, which Acme has already"):
        create_project(tenant=cast.acme, slug="supp0rt", name="Other", by=cast.olivia)
    create_project(tenant=cast.globex, slug="supp0rt", name="Other", by=cast.greta)


def test_the_database_holds_it_too(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Tenant.objects.create(slug="g1obex", name="Other")
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.create(tenant=cast.acme, slug="supp0rt", name="Other")


def test_no_verb_changes_it(cast: Cast) -> None:
    olivia = signed_in(cast.olivia)
    told = olivia.patch("/api/tenants/acme/", {"slug": "better"}, "application/json")
    assert told.status_code == 422
    olivia.post("/tenants/acme/settings/", {"name": "Better", "cost_centre": "", "slug": "better"})
    assert Tenant.objects.get(name="Better").slug == "acme"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_create_look_alikes_at_once_one_is_told(cast: Cast) -> None:
    @everything("a test")
    def made(slug: str) -> str:
        try:
            create_tenant(slug=slug, name="New", owner=cast.ned, by=cast.pat)
        except SlugTaken:
            return "taken"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(made, ["mill", "mi11", "m-ill", "rnill"])) == ["made", "taken", "taken", "taken"]


def test_what_was_there_before_keeps_its_name_and_new_ones_are_compared_with_it(cast: Cast) -> None:
    with as_owner() as cursor:
        cursor.execute("DROP INDEX no_tenants_look_alike")
    create_later = [Tenant(slug=slug, name="From before") for slug in ("g1obex", "other", "0ther-x")]
    Tenant.objects.bulk_create(create_later)
    with connection.schema_editor() as editor:
        import_module("tenants.migrations.0009_short_names_apart").keep_those_that_are_there(apps, editor)
    assert list(Tenant.objects.filter(is_alike_from_before=True).values_list("slug", flat=True)) == ["g1obex"]
    for taken in ("glo-bex", "other-x"):
        with pytest.raises(SlugTaken):
            create_tenant(slug=taken, name="Other", owner=cast.ned, by=cast.pat)


class TestTheDatabase(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        st.from_regex(r"\A[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}\Z") | st.text("rnmvwil01o-", min_size=1, max_size=20)
    )
    def test_it_sees_what_the_code_sees(self, slug: str) -> None:
        with transaction.atomic():
            Tenant.objects.create(slug=slug, name="x")
            assert Tenant.objects.filter(slug=slug).values_list(look_of_slug(), flat=True).get() == slug_skeleton(slug)
            transaction.set_rollback(True)
