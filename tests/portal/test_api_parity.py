"""What the pages show and do beside their lists, on the API: own settings, a tenant's record, seals, suggestions."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client

from access.asking import request_access
from approvals.models import Decision, Request
from approvals.voting import vote
from audit.models import Entry
from tenants import keys
from tenants.models import User
from tests.cast import Cast, route
from tests.portal.test_api import Caller, ok, refused
from tests.portal.test_api_lists import walked
from tests.usage.ledger_lines import called

pytestmark = pytest.mark.django_db


def test_ones_own_settings_are_read_and_changed_and_the_name_is_on_record(cast: Cast) -> None:
    caller = Caller(cast.dev)
    told = caller.get("me/")
    assert (told["time_zone"], told["theme"]) == ("UTC", "system")
    changed = ok(caller.patch("me/", display_name="Devi", theme="dark"))
    assert (changed["name"], changed["theme"], changed["time_zone"]) == ("Devi", "dark", "UTC")
    assert ok(caller.patch("me/", time_zone="Europe/Berlin"))["name"] == "Devi"
    entries = Entry.objects.filter(verb="person.settings_changed").order_by("pk")
    assert [sorted(entry.facts) for entry in entries] == [["display_name"], ["time_zone"]]
    for wrong in ({"time_zone": "Mars/Olympus"}, {"theme": "pink"}, {"username": "root"}, {"display_name": "x" * 121}):
        refused(caller.patch("me/", **wrong), 422)
    kept = User.objects.get(username="dev")
    assert (kept.display_name, kept.time_zone, kept.theme, kept.username) == ("Devi", "Europe/Berlin", "dark", "dev")


def test_what_was_done_in_a_tenant_is_read_by_who_may(cast: Cast) -> None:
    keys.issue(environment=cast.environment(), name="one", by=cast.olivia)
    keys.issue(environment=cast.environment("test"), name="two", by=cast.olivia)
    client = Client()
    client.force_login(cast.olivia)
    on_page = [entry.pk for entry in client.get("/tenants/acme/audit/").context["page"].rows]
    assert [row["id"] for row in walked(client, "tenants/acme/audit/")] == on_page and len(on_page) > 2
    issued = client.get("/api/tenants/acme/audit/?verb=key.&q=two").json()["results"]
    assert [(row["verb"], row["subject_label"].split(" (")[0]) for row in issued] == [("key.issued", "two")]
    for person, status in ((cast.vera, 403), (cast.greta, 404), (cast.ned, 404)):
        refused(Caller(person).client.get("/api/tenants/acme/audit/"), status)


def test_a_decision_tells_whether_it_is_as_it_was_made(cast: Cast) -> None:
    asked = request_access(environment=cast.environment("test"), route=route(), purpose="Answer", by=cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    decision = Decision.objects.get()
    caller = Caller(cast.dev)
    seal = caller.get(f"decisions/{decision.pk}/")["seal"]
    assert seal.pop("key")
    assert seal == {
        "computed": decision.hash, "fits_record": True, "fits_audit": True, "fits_seal": True, "is_intact": True,
        "sequence": 1, "findings": [],
    }  # fmt: skip
    assert "seal" not in caller.get("decisions/")["results"][0]


def test_how_long_decisions_took_is_told_for_ones_boards(cast: Cast) -> None:
    asked = request_access(environment=cast.environment("test"), route=route(), purpose="Answer", by=cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    decided = Request.objects.get()
    Request.objects.update(sent_at=decided.closed_at - dt.timedelta(hours=6))
    weeks = Caller(cast.rita).get("requests/durations/")
    assert len(weeks) == 12 and [week["count"] for week in weeks[:-1]] == [0] * 11
    assert (weeks[-1]["count"], round(weeks[-1]["median_hours"], 3)) == (1, 6)
    assert not any(week["count"] for week in Caller(cast.dev).get("requests/durations/"))


def test_movers_and_the_month_are_told_as_on_the_pages(cast: Cast) -> None:
    called(cast.environment(), cost=Decimal("1"), route="steady", days_ago=40)
    called(cast.environment(), cost=Decimal("9"), route="dear")
    called(cast.environment(of=cast.foreign_project), cost=Decimal("50"))
    caller = Caller(cast.vera)
    [mover, *_] = caller.get("usage/figures/?by=route")["movers"]
    assert (mover["value"], mover["is_more"]) == ("dear", True) and mover["sentence"].startswith("dear is new")
    month = caller.get("usage/month/")
    assert (Decimal(month["spent"]), month["calls"], month["currency"]) == (9, 1, "USD")
    nothing = Caller(cast.ned).get("usage/month/")
    assert (Decimal(nothing["spent"]), nothing["calls"], nothing["forecast"]) == (0, 0, None)
