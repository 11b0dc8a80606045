"""The home page answers each kind of person's own question."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.test import Client
from django.utils import timezone

from access.asking import request_access
from access.granting import grant
from approvals.boards import seat
from approvals.models import Board
from audit.models import Verification
from audit.record import SYSTEM
from catalog.models import Model
from portal import start_set
from tenants.models import User
from tests.cast import Cast, route
from tests.usage.ledger_lines import called


def home(user: User) -> str:
    """The page with the two parts that it asks for."""
    client = Client()
    client.force_login(user)
    page = client.get("/").content.decode()
    parts = (f"/home/{part}/" for part in ("work", "new", "figures"))
    assert all(f'hx-get="{part}"' in page for part in ("/home/work/", "/home/new/", "/home/figures/"))
    return page + "".join(client.get(part, headers={"hx-request": "true"}).content.decode() for part in parts)


def test_finops_sees_which_tenants_moved(cast: Cast) -> None:
    called(cast.environment(), cost=Decimal(9))
    called(cast.environment(), cost=Decimal(2), days_ago=40)
    shown = home(cast.fin)
    assert "What changed in 30 days" in shown and "Acme spends" in shown
    assert "What changed in 30 days" not in home(cast.olivia)


def test_the_auditor_sees_the_last_verification_and_what_weighs(cast: Cast) -> None:
    assert "Not verified yet" in home(cast.ada)
    Verification.objects.create(state="verified", finished_at=timezone.now(), checked=7)
    shown = home(cast.ada)
    assert "7 entries checked" in shown and "gave a platform role to" in shown
    assert "7 entries checked" not in home(cast.fin)


def test_the_platform_team_sees_health_and_what_waits_for_a_board(cast: Cast) -> None:
    asked = request_access(environment=cast.environment("test"), route=route(), purpose="x", by=cast.dev)
    shown = home(cast.pat)
    assert "How the platform is" in shown and "Waiting for a board" in shown and asked.title in shown
    assert "Waiting for a board" not in home(cast.dev)


def test_a_grant_that_ends_soon_is_shown_to_who_may_ask_again(cast: Cast) -> None:
    soon = timezone.now() + dt.timedelta(days=3)
    grant(environment=cast.environment(), route=route(), by=SYSTEM, expires_at=soon)
    assert "Access that ends soon" in home(cast.dev)
    for other in (cast.vera, cast.greta):
        assert "Access that ends soon" not in home(other)


def test_new_in_the_catalog_is_only_what_is_served_here(cast: Cast) -> None:
    route("served-model")
    Model.objects.create(slug="listed", name="Listed Elsewhere", purpose="x")
    shown = home(cast.dev)
    assert "Served Model" in shown and "Listed Elsewhere" not in shown


def test_the_platform_team_sees_what_an_empty_portal_still_needs(db: None) -> None:
    start_set.load()
    admin = User.objects.create_superuser("first", "first@example.test", "x")
    shown = home(admin)
    assert "Before the first team can begin" in shown and "A model is published" in shown
    assert "Members are missing on Risk board (0 of 1), Security board (0 of 1)." in shown
    client = Client()
    client.force_login(admin)
    assert b'href="/tenants/create/"' in client.get("/playground/").content
    for board in Board.objects.all():
        seat(board=board, user=admin, by=SYSTEM)
    shown = home(admin)
    assert "Members are missing" not in shown and "The first team is here" in shown


def test_a_portal_that_is_set_up_says_nothing_of_it(cast: Cast) -> None:
    route("served-model")
    assert "Before the first team can begin" not in home(cast.pat)
    cast.risk.seats.all().delete()
    assert "Members are missing on Risk board (0 of 1)" in home(cast.pat)
    assert "Before the first team can begin" not in home(cast.olivia)
