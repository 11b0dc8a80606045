"""The pages of one's own second factor: what to do about a code that does not fit, what removing the app closes."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client
from django.utils import timezone

from tenants.security.setting import secure
from tests.cast import PASSWORD, Cast

HERE = "/accounts/2fa/"


@pytest.fixture
def dev(cast: Cast, client: Client) -> Client:
    """Dev's browser, in which they have just given their password once more."""
    client.force_login(cast.dev, "tenants.backends.AccountBackend")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def set_up(browser: Client) -> str:
    """Set an authenticator app up; the page after it."""
    shown = browser.get(f"{HERE}totp/activate/").content.decode()
    secret = re.search(r'id="authenticator_secret" value="(\w+)"', shown)
    assert secret is not None
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret[1], counter))
    return browser.post(f"{HERE}totp/activate/", {"code": code}, follow=True).content.decode()


def test_it_works(cast: Cast, dev: Client) -> None:
    codes = set_up(dev)
    assert "10 of 10 are left" in codes and len(re.findall(r"\b\d{8}\b", codes)) == 10
    assert "The 10 that are left will not work any more" in dev.get(f"{HERE}recovery-codes/generate/").content.decode()
    assert "your password alone signs you in again" in dev.get(f"{HERE}totp/deactivate/").content.decode()
    assert dev.post(f"{HERE}totp/deactivate/").status_code == 302
    assert not Authenticator.objects.filter(user=cast.dev).exists(), "recovery codes go with the last one"


def test_a_code_that_does_not_fit_is_told_what_to_do_and_not_to_use_what_is_not_there(dev: Client) -> None:
    dev.get(f"{HERE}totp/activate/")
    told = dev.post(f"{HERE}totp/activate/", {"code": "000000"}).content.decode()
    assert "Code that the app shows: This code does not fit" in told and "clock of your phone" in told
    assert "recovery code" not in told


def test_whom_a_tenant_would_be_closed_to_is_told_before_they_remove_the_app(cast: Cast, dev: Client) -> None:
    set_up(dev)
    secure(tenant=cast.acme, by=cast.olivia, second_factor_from=timezone.now())
    assert "It closes Acme to you" in dev.get(f"{HERE}totp/deactivate/").content.decode()
    Authenticator.objects.create(user=cast.dev, type=Authenticator.Type.WEBAUTHN, data={})
    assert "closes" not in dev.get(f"{HERE}totp/deactivate/").content.decode()
