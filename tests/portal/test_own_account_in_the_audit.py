"""What people do about their own account, and who is turned away from it, leaves an entry; no secret is in any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import Entry
from portal import turned_away
from tenants.models import User
from tests.cast import PASSWORD, Cast

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def nobody_has_tried_yet(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def dev(cast: Cast, client: Client) -> Client:
    """Dev's browser, signed in a moment ago."""
    client.post(LOGIN, {"login": "dev", "password": PASSWORD})
    return client


def entries(verb: str) -> list[Entry]:
    return list(Entry.objects.filter(verb=verb).order_by("day", "sequence"))


def facts(verb: str) -> list[dict[str, Any]]:
    return [entry.facts for entry in entries(verb)]


def test_it_works(cast: Cast, client: Client) -> None:
    client.post(LOGIN, {"login": "dev", "password": "wrong-but-secret"})
    (entry,) = entries("person.turned_away")
    assert (entry.actor_kind, entry.subject_id) == ("visitor", str(cast.dev.pk))
    assert entry.facts == {"login": "dev", "address": "127.0.0.1", "how": "password"}
    assert not any("wrong-but-secret" in str(vars(one)) for one in Entry.objects.all())


def test_an_unknown_name_is_kept_cut_short(client: Client) -> None:
    for login in ("n" * 5_000, "no\x00body", "日本語", ""):
        client.post(LOGIN, {"login": login, "password": "x"})
    labels = [entry.subject_label for entry in entries("person.turned_away")]
    assert labels[0] == "n" * 60
    assert all(len(label) <= 60 and "\x00" not in label for label in labels)


def test_the_same_name_from_the_same_address_is_written_once_a_minute(cast: Cast, client: Client) -> None:
    for _ in range(4):
        client.post(LOGIN, {"login": "dev", "password": "wrong"})
    client.post(LOGIN, {"login": "olivia", "password": "wrong"})
    client.post(LOGIN, {"login": "dev", "password": "wrong"}, REMOTE_ADDR="192.0.2.9")
    assert [(f["login"], f["address"]) for f in facts("person.turned_away")] == [
        ("dev", "127.0.0.1"), ("olivia", "127.0.0.1"), ("dev", "192.0.2.9"),
    ]  # fmt: skip


def test_however_many_names_and_addresses_an_attacker_has_the_audit_is_not_filled(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turned_away, "MOST_A_MINUTE", 3)
    for number in range(8):
        client.post(LOGIN, {"login": f"guess-{number}", "password": "x"}, REMOTE_ADDR=f"192.0.2.{number}")
    assert 3 <= len(entries("person.turned_away")) <= 6, "three, and as many again where a minute ended meanwhile"


def test_signing_up(client: Client) -> None:
    new = "an entirely new password"
    client.post(
        "/accounts/signup/", {"email": "new@example.test", "username": "new", "password1": new, "password2": new}
    )
    (entry,) = entries("person.signed_up")
    assert (entry.actor_id, entry.facts) == (
        str(User.objects.get(username="new").pk),
        {"username": "new", "service": ""},
    )


def test_addresses_added_confirmed_made_primary_and_removed(cast: Cast, dev: Client, settings: Settings) -> None:
    page = "/accounts/email/"
    dev.post(page, {"email": "work@example.test", "action_add": ""})
    link = re.search(r"https?://[^/]+(/accounts/confirm-email/\S+/)", mail.outbox[-1].body)
    assert link is not None
    dev.post(link[1])
    dev.post(page, {"email": "work@example.test", "action_primary": ""})
    dev.post(page, {"email": "home@example.test", "action_add": ""})
    dev.post(page, {"email": "home@example.test", "action_remove": ""})
    assert facts("email.added") == [{"email": "work@example.test"}, {"email": "home@example.test"}]
    assert facts("email.confirmed") == [{"email": "work@example.test"}]
    assert facts("email.changed")[-1]["after"] == "work@example.test"
    assert facts("email.removed") == [{"email": "home@example.test"}]


def test_a_second_factor_and_its_recovery_codes(
    cast: Cast, dev: Client, django_capture_on_commit_callbacks: Any
) -> None:
    User.objects.get(username="dev").emailaddress_set.update_or_create(
        email="dev@example.test", defaults={"verified": True, "primary": True}
    )
    page = "/accounts/2fa/totp/activate/"
    dev.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = dev.get(page).context["form"].secret
    code = totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time())))
    with django_capture_on_commit_callbacks(execute=True):
        assert dev.post(page, {"code": code}).status_code == 302
    with django_capture_on_commit_callbacks(execute=True):
        dev.post("/accounts/2fa/recovery-codes/generate/")
    other = Client()
    other.post(LOGIN, {"login": "dev", "password": PASSWORD})
    other.post("/accounts/2fa/authenticate/", {"code": "000000"})
    with django_capture_on_commit_callbacks(execute=True):
        dev.post("/accounts/2fa/totp/deactivate/")
    assert facts("second_factor.added") == [{"type": "totp", "name": ""}]
    assert len(entries("recovery_codes.generated")) == 2
    assert [f["how"] for f in facts("person.turned_away")] == ["totp"]
    assert facts("second_factor.removed") == [{"type": "totp", "name": ""}]
    assert len(entries("recovery_codes.removed")) == 1
    assert not any(secret in str(vars(entry)) for entry in Entry.objects.all())


def test_sessions_that_a_person_ends(cast: Cast, dev: Client) -> None:
    for _ in range(2):
        Client().post(LOGIN, {"login": "dev", "password": PASSWORD})
    dev.post("/accounts/sessions/")
    (entry,) = entries("person.sessions_ended")
    assert (entry.actor_id, entry.facts) == (str(cast.dev.pk), {"sessions": 2})


def test_one_session_is_ended_on_the_page_or_by_the_api_and_the_others_last(cast: Cast, dev: Client) -> None:
    others = [Client(), Client()]
    for other in others:
        other.post(LOGIN, {"login": "dev", "password": PASSWORD})
    page = dev.get("/accounts/sessions/").content.decode()
    told = dev.get("/api/my-sessions/").json()
    assert [each["is_current"] for each in told].count(True) == 1 and len(told) == 3
    first, second = (UserSession.objects.get(session_key=other.session.session_key).pk for other in others)
    assert f"/accounts/sessions/{first}/end/" in page
    assert page.index(f"/accounts/sessions/{second}/end/") < page.index(f"/accounts/sessions/{first}/end/"), (
        "the newest first"
    )
    assert dev.post(f"/accounts/sessions/{first}/end/").status_code == 302
    assert [other.get("/tenants/").status_code for other in others] == [302, 200]
    assert dev.post(f"/api/my-sessions/{second}/end/", content_type="application/json").json() == {"ended": 1}
    assert others[1].get("/tenants/").status_code == 302
    assert dev.get("/tenants/").status_code == 200
    stranger = Client()
    stranger.force_login(cast.vera)
    mine = UserSession.objects.get(user=cast.dev).pk
    assert stranger.post(f"/accounts/sessions/{mine}/end/").status_code == 404
    assert stranger.post(f"/api/my-sessions/{mine}/end/", content_type="application/json").status_code == 404
    assert facts("person.sessions_ended") == [{"sessions": 1}, {"sessions": 1}]


def test_a_new_name_and_zone_with_before_and_after_and_nothing_where_nothing_changed(cast: Cast, dev: Client) -> None:
    form = {"display_name": "Devi", "time_zone": "Europe/Berlin", "theme": "dark"}
    dev.post(reverse("account"), form)
    dev.post(reverse("account"), form | {"theme": "light"})
    (entry,) = entries("person.settings_changed")
    assert entry.actor_label == "Devi"
    assert entry.facts == {
        "display_name": {"before": "Dev", "after": "Devi"},
        "time_zone": {"before": "UTC", "after": "Europe/Berlin"},
    }


def test_a_visitor_whose_address_nobody_knows_is_recorded_too(rf: Any) -> None:
    request = rf.post(LOGIN)
    request.META["REMOTE_ADDR"] = ""
    request.user = AnonymousUser()
    turned_away.turned_away("nobody", request, how="password")
    assert facts("person.turned_away")[0]["address"] == ""
