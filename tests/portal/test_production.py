"""Production refuses to start with anything that was meant for trying, and says why and how to mend it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from portal import checks
from portal.embedded.trouble import CannotStart
from tests.cast import person
from tests.installation import atrium


@pytest.fixture
def production(settings: Settings, db: None) -> Settings:
    """An installation that is fit."""
    settings.MODE = "production"
    settings.DEBUG = False
    settings.SECRET_KEY = "x1-" * 20
    settings.ALLOWED_HOSTS = ["atrium.example.test"]
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    return settings


def refusal() -> str:
    """The lines with which starting is refused."""
    with pytest.raises(CannotStart) as refused:
        checks.refuse_unfit_production()
    return str(refused.value)


def test_a_fit_installation_starts(production: Settings) -> None:
    checks.refuse_unfit_production()


def test_debug_is_refused(production: Settings) -> None:
    production.DEBUG = True
    assert "DEBUG is on" in refusal()
    assert "Unset DEBUG" in refusal()


@pytest.mark.parametrize("secret", ["atrium-demonstration-only-secret-not-for-production", "s3cret"])
def test_a_known_or_short_secret_is_refused(production: Settings, secret: str) -> None:
    production.SECRET_KEY = secret
    assert "SECRET_KEY" in refusal()
    assert secret not in refusal()


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "localhost"], ["*"], ["atrium.example.test", "*"]])
def test_missing_or_boundless_hosts_are_refused(production: Settings, hosts: list[str]) -> None:
    production.ALLOWED_HOSTS = hosts
    assert "Set ALLOWED_HOSTS" in refusal()


@pytest.mark.parametrize("keys", [[], ["not-a-key"]])
def test_a_missing_or_broken_credential_key_is_refused(production: Settings, keys: list[str]) -> None:
    production.CREDENTIAL_KEYS = keys
    assert "atrium credential-key" in refusal()


def test_demonstration_accounts_are_refused_until_they_are_gone(production: Settings) -> None:
    account = person("developer")
    account.is_demonstration = True
    account.save()
    assert "1 demonstration accounts exist" in refusal()
    assert "atrium demo --remove" in refusal()
    account.delete()
    checks.refuse_unfit_production()


def test_every_finding_is_told_at_once(production: Settings) -> None:
    production.DEBUG = True
    production.ALLOWED_HOSTS = []
    assert len(refusal().splitlines()) == 2


def test_a_demonstration_is_not_held_to_it(settings: Settings, db: None) -> None:
    settings.DEBUG = True
    checks.refuse_unfit_production()


@pytest.mark.parametrize("part", ["web", "worker", "beat"])
def test_no_part_starts_unfit(tmp_path: Path, part: str) -> None:
    ended = atrium(part, data_folder=tmp_path / "atrium", timeout_s=30, ATRIUM_MODE="production", DEBUG="true")
    assert ended.returncode == 1
    assert "Not fit for production: DEBUG is on" in ended.stderr
    assert "SECRET_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("entry", ["portal.asgi", "portal.wsgi"])
def test_no_server_loads_an_unfit_application(tmp_path: Path, entry: str) -> None:
    unfit = os.environ | {"ATRIUM_MODE": "production", "ATRIUM_DATA": str(tmp_path), "SECRET_KEY": ""}
    ended = subprocess.run([sys.executable, "-c", f"import {entry}"], env=unfit, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "SECRET_KEY is the default one" in ended.stderr


def test_a_mistyped_mode_is_neither_and_refused(tmp_path: Path) -> None:
    mistyped = os.environ | {"ATRIUM_MODE": "prod", "ATRIUM_DATA": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", "import portal.asgi"], env=mistyped, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "ATRIUM_MODE is 'prod'; it must be one of demonstration, development, production" in ended.stderr
