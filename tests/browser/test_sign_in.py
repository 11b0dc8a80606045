"""Signing in in a real browser: the password, a second factor of either kind, a passkey alone, and what fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.cast import PASSWORD, Cast

Visit = Callable[..., Page]
LOCAL = "localhost"  # a passkey belongs to a name; a number has none


@pytest.fixture(autouse=True)
def nobody_has_tried_yet(transactional_db: None) -> Iterator[None]:
    """Failed tries are counted in the cache, which outlives a test."""
    cache.clear()
    yield
    cache.clear()


def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name or e-mail").fill(login)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/accounts/login/"))


def confirm(page: Page) -> None:
    """The page that asks for the password once more before a second factor is changed."""
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.locator("main").get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Confirm").click()


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def give_device(page: Page, *, agrees: bool = True) -> None:
    """A fingerprint reader (W3C WebAuthn, section 11: virtual authenticators); its person agrees at once, or never."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": agrees, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def at_home(page: Page) -> None:
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()


def test_it_works(cast: Cast, visit: Visit) -> None:
    page = visit("/catalog/")
    assert page.url.endswith("/accounts/login/?next=/catalog/")
    sign_in(page, "dev")
    expect(page).to_have_url(re.compile("/catalog/$"))


def test_too_many_wrong_passwords_are_answered_with_patience(cast: Cast, visit: Visit) -> None:
    page = visit("/accounts/login/", expect={429})
    for _ in range(5):
        sign_in(page, "dev", "wrong password")
        expect(page.get_by_text("This user name and password do not belong together.")).to_be_visible()
        expect(page.get_by_label("User name or e-mail")).to_have_value("dev")
        page.reload()
    sign_in(page, "dev")
    expect(page.get_by_text("There were too many failed tries. Wait five minutes")).to_be_visible()
    assert_accessible(page)
    sign_in(page, "olivia")
    at_home(page)


def test_an_authenticator_app_is_set_up_asked_for_and_replaced_by_a_recovery_code(cast: Cast, visit: Visit) -> None:
    page = visit("/accounts/2fa/", cast.dev)
    page.get_by_role("link", name="Set up an app").click()
    confirm(page)
    secret = page.get_by_label("If your app cannot scan").input_value()
    assert_accessible(page)
    page.get_by_label("Code that the app shows").fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_text("This code does not fit").first).to_be_visible()
    assert page.get_by_label("If your app cannot scan").input_value() == secret, "the app need not be set up anew"
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_label("Codes that are left")).to_be_visible()
    recovery = page.get_by_label("Codes that are left").input_value().split()
    assert len(recovery) == 10
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True))), "kept encrypted"

    sign_out(page)
    sign_in(page, "dev")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    assert_accessible(page)
    page.goto("/")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This code does not fit").first).to_be_visible()
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Sign in").click()
    at_home(page)


def test_a_passkey_is_a_second_step_and_signs_in_alone(cast: Cast, visit: Visit) -> None:
    page = visit("/accounts/2fa/", cast.dev, host=LOCAL)
    give_device(page)
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page)
    page.get_by_label("What you call it").fill("Laptop")
    page.get_by_label("Sign in with it alone").check()
    assert_accessible(page)
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_label("Codes that are left")).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_role("list", name="Passkeys and security keys")).to_contain_text("Laptop signs in alone")
    assert_accessible(page)

    sign_out(page)
    sign_in(page, "dev")
    page.get_by_role("button", name="Use a passkey or security key").click()
    at_home(page)

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    at_home(page)
    expect(page.locator("body")).to_have_attribute("data-user", "dev")


def test_a_passkey_that_is_not_there_is_told_in_words(cast: Cast, visit: Visit) -> None:
    page = visit("/accounts/login/", host=LOCAL)
    give_device(page, agrees=False)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("[data-toasts]")).to_contain_text("cancelled, took too long, or no passkey fits")
    sign_in(page, "dev")
    at_home(page)


def test_where_the_address_is_a_number_the_passkey_says_what_to_open(cast: Cast, visit: Visit) -> None:
    page = visit("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("[data-toasts]")).to_contain_text("On this machine, open http://localhost:")


def test_a_form_from_before_another_sign_in_is_answered_with_help(cast: Cast, visit: Visit) -> None:
    page = visit("/accounts/login/", expect={403})
    other = page.context.new_page()
    other.goto("/accounts/login/")
    sign_in(other, "olivia")
    at_home(other)
    page.context.clear_cookies(name="csrftoken")
    sign_in(page, "dev")
    expect(page.get_by_role("heading", name="Please send that again")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Open the page again").click()
    at_home(page)
