"""Signing in with a local account: the form, its limits, a forgotten password, and what is only for demonstrations."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.cast import PASSWORD, Cast

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def nobody_has_tried_yet(db: None) -> Iterator[None]:
    """Failed tries are counted in the cache, which outlives a test."""
    cache.clear()
    yield
    cache.clear()


def who(client: Client) -> str:
    """Who is signed in, empty for nobody."""
    return str(client.get("/accounts/login/", follow=True).context["user"].username)


def test_it_works(cast: Cast, client: Client) -> None:
    answer = client.post(f"{LOGIN}?next=/catalog/", {"login": "dev", "password": PASSWORD, "next": "/catalog/"})
    assert (answer.status_code, answer["location"]) == (302, "/catalog/")
    assert who(client) == "dev"


def test_the_mail_address_will_do(cast: Cast, client: Client) -> None:
    client.post(LOGIN, {"login": "dev@example.test", "password": PASSWORD})
    assert who(client) == "dev"


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test/", "javascript:alert(1)", "\\\\evil.test"])
def test_nobody_is_sent_elsewhere(cast: Cast, client: Client, target: str) -> None:
    answer = client.post(LOGIN, {"login": "dev", "password": PASSWORD, "next": target})
    assert answer["location"] == "/"


@pytest.mark.parametrize(
    "login", ["nobody", "dev\x00", "\x00", "d" * 100_000, "日本語", "<script>", "' OR 1=1 --", "", " "]
)
@pytest.mark.parametrize("password", ["wrong", "p\x00", "🦊" * 5000, ""])
def test_what_is_no_account_is_refused_without_telling_which(
    cast: Cast, client: Client, login: str, password: str
) -> None:
    answer = client.post(LOGIN, {"login": login, "password": password})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert "<script>" not in str(answer.context["form"].errors)


def test_a_known_and_an_unknown_name_are_answered_alike(cast: Cast, client: Client) -> None:
    answers = [client.post(LOGIN, {"login": name, "password": "wrong"}) for name in ("dev", "nobody")]
    assert len({str(answer.context["form"].non_field_errors()) for answer in answers}) == 1


def test_the_sixth_try_is_refused_even_with_the_right_password_and_others_are_not_kept_out(
    cast: Cast, client: Client
) -> None:
    for _ in range(5):
        client.post(LOGIN, {"login": "dev", "password": "wrong"})
    answer = client.post(LOGIN, {"login": "dev", "password": PASSWORD})
    assert "There were too many failed tries. Wait five minutes" in answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (429, "300")
    client.post(LOGIN, {"login": "olivia", "password": PASSWORD})
    assert who(client) == "olivia"


def test_tries_at_many_names_from_one_place_are_stopped_too(cast: Cast, client: Client) -> None:
    for number in range(10):
        client.post(LOGIN, {"login": f"guess-{number}", "password": "wrong"})
    answer = client.post(LOGIN, {"login": "dev", "password": PASSWORD})
    assert "too many failed tries" in answer.content.decode()


def test_who_guesses_elsewhere_does_not_keep_a_person_out(cast: Cast, client: Client) -> None:
    for _ in range(6):
        client.post(LOGIN, {"login": "dev", "password": "wrong"}, REMOTE_ADDR="192.0.2.7")
    client.post(LOGIN, {"login": "dev", "password": PASSWORD}, REMOTE_ADDR="192.0.2.8")
    assert who(client) == "dev"


def test_the_guesses_of_many_machines_at_one_name_end(cast: Cast, client: Client, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login_failed_anywhere": "3/h/key"}
    client.post(LOGIN, {"login": "dev", "password": PASSWORD}, REMOTE_ADDR="192.0.2.1")
    assert who(client) == "dev"  # a right password counts for nothing
    client.logout()
    for number in range(3):
        client.post(LOGIN, {"login": "dev", "password": "wrong"}, REMOTE_ADDR=f"192.0.2.{number}")
    answer = client.post(LOGIN, {"login": "dev", "password": PASSWORD}, REMOTE_ADDR="192.0.2.9")
    assert answer.status_code == 429
    client.post(LOGIN, {"login": "olivia", "password": PASSWORD}, REMOTE_ADDR="192.0.2.9")
    assert who(client) == "olivia"


def test_behind_a_proxy_each_visitor_is_counted_alone(cast: Cast, client: Client, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(12):
        client.post(LOGIN, {"login": f"guess-{number}", "password": "x"}, headers={"x-forwarded-for": "192.0.2.7"})
    client.post(LOGIN, {"login": "dev", "password": PASSWORD}, headers={"x-forwarded-for": "192.0.2.8"})
    assert who(client) == "dev"


def test_a_switched_off_account_does_not_come_in(cast: Cast, client: Client) -> None:
    cast.dev.is_active = False
    cast.dev.save()
    client.post(LOGIN, {"login": "dev", "password": PASSWORD})
    assert who(client) == ""


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(cast: Cast, client: Client) -> None:
    asked = client.post("/accounts/password/reset/", {"email": "dev@example.test"}, follow=True)
    assert asked.status_code == 200
    (letter,) = mail.outbox
    assert letter.to == ["dev@example.test"]
    path = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", letter.body)
    assert path is not None
    form = client.get(path[1], follow=True)
    new = "an entirely new password"
    done = client.post(form.request["PATH_INFO"], {"password1": new, "password2": new}, follow=True)
    assert done.status_code == 200
    client.logout()
    client.post(LOGIN, {"login": "dev", "password": new})
    assert who(client) == "dev"
    again = Client().get(path[1], follow=True)
    assert "password1" not in again.content.decode()
    assert "/accounts/password/reset/" in again.content.decode(), "it says where to ask for another"


def test_whether_an_address_is_known_cannot_be_seen_when_a_reset_is_asked_for(cast: Cast, client: Client) -> None:
    answers = [
        client.post("/accounts/password/reset/", {"email": address}, follow=True)
        for address in ("dev@example.test", "nobody@example.test")
    ]
    pages = [re.sub(r"(nonce|csrf|value|data-)[^>]*", "", answer.content.decode()) for answer in answers]
    assert pages[0] == pages[1]


def test_the_buttons_of_the_demonstration_sign_in_with_one_press(cast: Cast, client: Client) -> None:
    account(cast)
    assert 'value="developer"' in client.get(LOGIN).content.decode()
    client.post("/accounts/demonstration/", {"account": "developer"})
    assert who(client) == "developer"


def test_a_real_account_is_no_button(cast: Cast, client: Client) -> None:
    assert client.post("/accounts/demonstration/", {"account": "dev"}).status_code == 404
    assert client.post("/accounts/demonstration/", {"account": "d\x00"}).status_code == 422
    assert who(client) == ""


def test_making_an_account_speaks_our_words_and_the_settings_say_that_it_is_open(cast: Cast, client: Client) -> None:
    page = client.get("/accounts/signup/").content.decode()
    assert "<h1>Make an account</h1>" in page and "Sign Up" not in page
    assert client.post("/accounts/signup/", {"username": ""}).content.decode().count("at-error") >= 2
    client.force_login(cast.pat)
    assert "Sign-up is open all the same" in client.get("/platform/settings/").content.decode()


def test_outside_of_a_demonstration_there_are_no_buttons_and_no_sign_up(
    cast: Cast, client: Client, settings: Settings
) -> None:
    account(cast)
    settings.DEMONSTRATION = False
    page = client.get(LOGIN).content.decode()
    assert "Try it as" not in page
    assert "atrium-demo" not in page
    assert "/accounts/signup/" not in page
    assert client.post("/accounts/demonstration/", {"account": "developer"}).status_code == 404
    assert "password1" not in client.get("/accounts/signup/").content.decode()
    assert who(client) == ""


def account(cast: Cast) -> None:
    """A demonstration account."""
    cast.dev.username, cast.dev.is_demonstration = "developer", True
    cast.dev.save()


def test_a_page_of_an_ended_session_leads_to_signing_in_and_back(cast: Cast, client: Client) -> None:
    client.force_login(cast.dev)
    client.cookies["sessionid"] = "ended"
    answer = client.get("/usage/?by=route")
    assert answer["location"] == "/accounts/login/?next=/usage/%3Fby%3Droute"
    told = client.get("/usage/", headers={"HX-Request": "true"})
    assert (told.status_code, told.content.decode()) == (401, "Your session has ended. Sign in and try again.")
    assert client.get("/api/models/").status_code in (401, 403)


def test_a_form_without_its_token_is_answered_with_help(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    answer = browser.post(LOGIN, {"login": "dev", "password": PASSWORD})
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Please send that again" in page
    assert "Your browser sent no cookie" in page
