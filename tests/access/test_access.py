"""Asking for access and being given it: the form, the effect, revocation, what the catalog is told."""

import datetime as dt

import pytest
from django.utils import timezone

from access.asking import GrantedAlready, environments_to_ask_for, request_access
from access.granting import RevokedAlready, RouteDisabled, grant, revoke
from access.models import Grant
from approvals.models import Request
from approvals.voting import vote
from catalog import standing
from catalog.models import Model, Route
from refusals.errors import Forbidden, Invalid, Missing
from tenants.memberships import add_member
from tenants.models import Notification
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route

URL = "/requests/new/access/echo-model/"


def test_it_works(cast: Cast) -> None:
    route()
    client = signed_in(cast.dev)
    page = client.get(URL + "?environment=acme/support/test").content.decode()
    assert '<option value="acme/support/test" selected>' in page
    assert "Risk board: 1 approval" in page and "globex" not in page.lower() and "/secret" not in page
    sent = client.post(URL, {"environment": "acme/support/test", "purpose": "Try it", "expected_calls_per_day": "50"})
    request = Request.objects.get()
    assert sent["Location"] == request.get_absolute_url()
    vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    assert [g.environment.path for g in Grant.objects.in_force()] == ["acme/support/test"]


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(cast: Cast) -> None:
    route()
    client = signed_in(cast.dev)
    told = client.post(URL, {"environment": "", "purpose": "My long purpose", "expected_calls_per_day": "-3"})
    assert told.status_code == 422
    text = told.content.decode()
    assert "Choose an environment." in text and "My long purpose" in text
    for foreign in ("globex/secret/production", "nonsense"):
        told = client.post(URL, {"environment": foreign, "purpose": "x"})
        assert (told.status_code, b"Choose one of your environments." in told.content) == (422, True)
    assert not Request.objects.exists()


def test_asking_twice_leads_to_the_open_request(cast: Cast) -> None:
    route()
    client = signed_in(cast.dev)
    sent = {"environment": "acme/support/production", "purpose": "x"}
    first, second = client.post(URL, sent), client.post(URL, sent)
    assert first["Location"] == second["Location"]
    assert Request.objects.count() == 1
    assert "asked for in R-1" in client.get(URL).content.decode()


def test_the_form_of_what_was_asked_already_leads_to_the_open_request(cast: Cast) -> None:
    route()
    client = signed_in(cast.dev)
    client.post(URL, {"environment": "acme/support/production", "purpose": "x"})
    told = client.get(URL + "?environment=acme/support/production", follow=True)
    assert told.redirect_chain == [(Request.objects.get().get_absolute_url(), 302)]
    assert "R-1 waits for the Risk board." in told.content.decode()
    assert client.get(URL + "?environment=acme/support/test").status_code == 200


def test_a_person_without_a_tenant_is_told_the_way_in(cast: Cast) -> None:
    route()
    text = signed_in(cast.ned).get(URL).content.decode()
    assert "Access belongs to a team" in text and "/tenants/new/" in text
    assert "Access belongs to a team" in signed_in(cast.vera).get(URL).content.decode()


def test_a_route_that_is_off_leads_to_its_model_and_one_that_is_not_there_is_not_found(cast: Cast) -> None:
    made = route()
    Route.objects.update(is_enabled=False)
    shown = signed_in(cast.dev).get(URL, follow=True)
    assert shown.redirect_chain == [(made.model.get_absolute_url(), 302)]
    assert "is listed but not served here" in shown.content.decode()
    assert signed_in(cast.dev).get("/requests/new/access/with/slashes/").status_code == 404
    with pytest.raises(RouteDisabled):
        request_access(environment=cast.environment(), route=Route.objects.get(), purpose="x", by=cast.dev)


def test_a_route_with_slashes_in_its_name_can_be_asked_for(cast: Cast) -> None:
    Route.objects.create(slug="maker/model-1", model=route().model)
    assert signed_in(cast.dev).get("/requests/new/access/maker/model-1/").status_code == 200


def test_only_who_may_ask_asks(cast: Cast) -> None:
    made = route()
    with pytest.raises(Forbidden):
        request_access(environment=cast.environment(), route=made, purpose="x", by=cast.vera)
    with pytest.raises(Missing):
        request_access(environment=cast.environment(), route=made, purpose="x", by=cast.greta)


def test_what_is_granted_is_not_asked_for_again_until_it_ends(cast: Cast) -> None:
    made = route()
    given = grant(
        environment=cast.environment(), route=made, by=cast.pat, expires_at=timezone.now() + dt.timedelta(days=1)
    )
    with pytest.raises(GrantedAlready):
        request_access(environment=cast.environment(), route=made, purpose="x", by=cast.dev)
    Grant.objects.filter(pk=given.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert not Grant.objects.in_force().exists()
    request = request_access(environment=cast.environment(), route=made, purpose="x", by=cast.dev)
    vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    assert Grant.objects.in_force().get().decision == request.decision
    assert Grant.objects.filter(revoked_at=None).count() == 1


def test_revoking_ends_it_once_with_a_reason_and_tells_the_tenant(cast: Cast) -> None:
    given = grant(environment=cast.environment(), route=route(), by=cast.pat)
    with pytest.raises(Invalid):
        revoke(grant=given, by=cast.olivia, reason=" ")
    revoke(grant=given, by=cast.pat, reason="Licence changed.")
    assert not Grant.objects.in_force().exists()
    assert Notification.objects.get(user=cast.olivia).body == "Licence changed."
    with pytest.raises(RevokedAlready):
        revoke(grant=given, by=cast.pat, reason="again")


def test_the_page_of_grants_shows_who_decided_and_lets_an_owner_revoke(cast: Cast) -> None:
    request = request_access(environment=cast.environment(), route=route(), purpose="x", by=cast.dev)
    vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    owner, url = signed_in(cast.olivia), "/tenants/acme/grants/"
    text = owner.get(url).content.decode()
    assert "Echo Model" in text and f"/decisions/{request.decision.pk}/" in text and "Rita" in text
    given = Grant.objects.get()
    assert b"Nothing was changed" in owner.post(f"{url}{given.pk}/revoke/", {"reason": ""}, follow=True).content
    assert signed_in(cast.dev).post(f"{url}{given.pk}/revoke/", {"reason": "x"}).status_code == 403
    owner.post(f"{url}{given.pk}/revoke/", {"reason": "Not used."})
    assert "No grant fits" in owner.get(url).content.decode()
    assert "Revoked" in owner.get(url + "?show=ended&q=echo&kind=development").content.decode()
    assert "acme/support/development,revoked" in owner.get(url + "export.csv?show=all").getvalue().decode()


def test_a_foreign_tenants_grants_do_not_exist(cast: Cast) -> None:
    given = grant(environment=cast.environment(), route=route(), by=cast.pat)
    greta = signed_in(cast.greta)
    for path in ("/tenants/acme/grants/", "/tenants/acme/grants/export.csv", "/tenants/moon/grants/"):
        assert greta.get(path).status_code == 404
    for slug in ("acme", "globex", "moon"):
        assert greta.post(f"/tenants/{slug}/grants/{given.pk}/revoke/", {"reason": "x"}).status_code == 404
    assert Grant.objects.in_force().exists()


def test_the_catalog_is_told_how_one_stands(cast: Cast) -> None:
    granted, pending, other = route("granted"), route("pending"), route("other")
    grant(environment=cast.environment(), route=granted, by=cast.pat)
    asked = request_access(environment=cast.environment(), route=pending, purpose="x", by=cast.dev)
    models = list(Model.objects.order_by("slug"))

    def kinds(viewer: object) -> dict[str, str]:
        told = standing.standing_of(viewer, models)  # type: ignore[arg-type]
        return {model.slug: told[model.pk].kind for model in models}

    assert kinds(cast.dev) == {"granted": "granted", "pending": "pending", "other": "request"}
    assert kinds(cast.greta) == kinds(cast.ned) == dict.fromkeys(("granted", "pending", "other"), "request")
    told = standing.standing_of(cast.dev, models)
    assert told[granted.model_id].environments == ("acme/support/development",)
    assert told[pending.model_id].path == asked.get_absolute_url()
    assert told[other.model_id].path == "/requests/new/access/other/"
    assert standing.granted_models(cast.dev) == {granted.model_id}
    assert standing.granted_models(cast.greta) == set()


def test_the_models_page_tells_for_each_route_how_one_stands_and_where_to_ask(cast: Cast) -> None:
    first = route()
    second = Route.objects.create(slug="echo-batch", model=first.model)
    grant(environment=cast.environment(), route=second, by=cast.pat)
    told = standing.standing_of_routes(cast.dev, [first, second])
    assert (told[first.pk].kind, told[first.pk].path) == ("request", f"/requests/new/access/{first.slug}/")
    assert (told[second.pk].kind, told[second.pk].environments) == ("granted", ("acme/support/development",))
    for tab in ("overview", "access"):
        page = signed_in(cast.dev).get(f"/catalog/models/echo-model/?tab={tab}").content.decode()
        assert f'href="/requests/new/access/{first.slug}/"' in page, tab
        assert 'href="/requests/new/access/echo-batch/"' in page, "for another environment"
        assert 'href="/playground/?m=echo-batch"' in page, "the granted route is the one that is opened"


def test_with_every_environment_granted_there_is_nothing_to_ask_for(cast: Cast) -> None:
    asked = route()
    for environment in environments_to_ask_for(cast.dev):
        assert standing.standing_of_routes(cast.dev, [asked])[asked.pk].path
        grant(environment=environment, route=asked, by=cast.pat)
    assert standing.standing_of_routes(cast.dev, [asked])[asked.pk].path == ""


def test_the_models_page_says_who_may_use_it_to_those_who_may_know(cast: Cast) -> None:
    grant(environment=cast.environment(), route=route(), by=cast.pat)
    url = "/catalog/models/echo-model/?tab=access"
    assert b"acme/support/development" in signed_in(cast.olivia).get(url).content
    assert b"acme/support/development" not in signed_in(cast.greta).get(url).content


def test_grants_are_sorted_by_their_heads_and_each_filter_can_be_dropped(cast: Cast) -> None:
    now = timezone.now()
    for slug, days in (("middle", 30), ("last", None), ("apple", 10)):
        ends = now + dt.timedelta(days=days) if days else None
        grant(environment=cast.environment(), route=route(slug), by=cast.pat, expires_at=ends)
    client = signed_in(cast.vera)
    for query, expected in (
        ("", "Apple Last Middle"), ("sort=model", "Apple Last Middle"), ("sort=-model", "Middle Last Apple"),
        ("sort=granted", "Middle Last Apple"), ("sort=ends", "Apple Middle Last"), ("sort=-ends", "Middle Apple Last"),
    ):  # fmt: skip
        lines = client.get(f"/tenants/acme/grants/export.csv?{query}").getvalue().decode().splitlines()[1:]
        assert [line.split(",")[0] for line in lines] == expected.split(), query
    page = client.get("/tenants/acme/grants/?q=zebra&kind=test").content.decode()
    assert "No grant fits" in page
    assert 'href="/tenants/acme/grants/?q=zebra"' in page and 'href="/tenants/acme/grants/?kind=test"' in page


def test_who_may_run_the_tenant_is_told_of_a_revocation_and_nobody_who_left(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="admin", by=cast.olivia)
    add_member(tenant=cast.acme, user=cast.vera, role="admin", by=cast.olivia)
    cast.vera.is_active = False
    cast.vera.save()
    revoke(grant=grant(environment=cast.environment(), route=route(), by=cast.pat), by=cast.pat, reason="Too dear")
    told = Notification.objects.filter(title__startswith="Access to").values_list("user__username", flat=True)
    assert set(told) == {"olivia", "ned"}
