"""A variable of the environment that cannot be meant is refused by its name, in one line, whatever is started."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from portal.embedded.trouble import CannotStart
from portal.environment import sender
from portal.supervisor.preparing import refuse_unfit_database
from tests.installation import atrium

UNFIT = {
    "DATABASE_POOL_SIZE": ("many", "DATABASE_POOL_SIZE is 'many'; it must be a whole number."),
    "GATEWAY_IDLE_TIMEOUT_S": ("long", "GATEWAY_IDLE_TIMEOUT_S is 'long'; it must be a number."),
    "GATEWAY_DURABILITY": ("disk", "GATEWAY_DURABILITY is 'disk'; it must be one of process, machine, database."),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("grpc", "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; it must be http/protobuf."),
    "DEBUG": ("maybe", "DEBUG is 'maybe'; it must be true or false."),
    "LOG_LEVEL": ("loud", "LOG_LEVEL is 'loud'; it must be one of DEBUG, INFO"),
    "DATABASE_URL": ("mysql://me:s3cret@host/x", "DATABASE_URL must begin with postgresql://"),
    "EMAIL_URL": ("pigeon://me:s3cret@host", "EMAIL_URL cannot be read. Write it as smtp://"),
    "EMAIL_FROM": ("Atrium", "EMAIL_FROM is 'Atrium'; write it as Atrium <atrium@example.com>."),
    "CACHE_URL": ("nothing", "CACHE_URL cannot be read. Write it as redis://"),
    "ATRIUM_CREDENTIAL_KEYS": ("s3cret", "ATRIUM_CREDENTIAL_KEYS holds something that is no key."),
    "ATRIUM_OIDC_STAFF_CLIENT_ID": ("atrium", "Single sign-on “staff” lacks ATRIUM_OIDC_STAFF_SERVER_URL"),
}


@pytest.mark.parametrize("variable", UNFIT)
def test_a_command_refuses_it(tmp_path: Path, variable: str) -> None:
    value, sentence = UNFIT[variable]
    ended = atrium("doctor", data_folder=tmp_path, **{variable: value})
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith(f"atrium: {sentence}")
    assert "s3cret" not in ended.stderr


def test_starting_everything_refuses_it(tmp_path: Path) -> None:
    ended = atrium("up", data_folder=tmp_path / "atrium", DEBUG="maybe")
    assert ended.returncode == 1
    assert ended.stderr.strip() == "atrium: DEBUG is 'maybe'; it must be true or false."


def test_a_server_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    ended = atrium("up", data_folder=tmp_path / "atrium", DATABASE_URL="postgresql://me:s3cret@127.0.0.1:9/x")
    assert ended.returncode == 1
    assert ended.stderr.startswith("atrium: The database cannot be used: connection failed")
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "s3cret" not in ended.stderr


def test_a_database_without_pgvector_says_what_its_administrator_has_to_do(db: None) -> None:
    with psycopg.connect(os.environ["ATRIUM_TEST_SUPERUSER_URL"], autocommit=True) as administrator:
        administrator.execute("DROP DATABASE IF EXISTS atrium_bare")
        administrator.execute("CREATE DATABASE atrium_bare TEMPLATE template0")
        administrator.execute("DROP ROLE IF EXISTS atrium_guest")
        administrator.execute("CREATE ROLE atrium_guest")
        try:
            bare = connection.settings_dict | {"NAME": "atrium_bare"}
            with psycopg.connect(
                dbname=bare["NAME"],
                user="postgres",
                host=bare["HOST"] or bare["OPTIONS"].get("host"),
                autocommit=True,
            ) as guest:
                guest.execute("SET ROLE atrium_guest")
                with pytest.raises(CannotStart, match="As its administrator: CREATE EXTENSION vector;"):
                    refuse_unfit_database(guest)
                guest.execute("RESET ROLE")
                refuse_unfit_database(guest)
                assert guest.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'").fetchone()
        finally:
            administrator.execute("DROP DATABASE atrium_bare")
            administrator.execute("DROP ROLE atrium_guest")


def test_production_refuses_a_role_that_no_policy_holds(db: None, settings: Settings) -> None:
    settings.DATABASE_ROLE = "postgres"
    with psycopg.connect(os.environ["ATRIUM_TEST_SUPERUSER_URL"], autocommit=True) as superuser:
        refuse_unfit_database(superuser)
        with pytest.raises(CannotStart, match="stands above row-level security"):
            refuse_unfit_database(superuser, is_production=True)


def test_production_refuses_a_role_that_owns_the_tables(db: None, settings: Settings) -> None:
    own = connection.settings_dict["NAME"]
    with psycopg.connect(os.environ["ATRIUM_TEST_DATABASE_URL"], dbname=own, autocommit=True) as owner:
        settings.DATABASE_ROLE = "atrium"
        with pytest.raises(CannotStart, match="DATABASE_OWNER_URL sign in as their owner"):
            refuse_unfit_database(owner, is_production=True)
        settings.DATABASE_ROLE = "atrium_portal"
        refuse_unfit_database(owner, is_production=True)


@pytest.mark.parametrize(
    ("given", "comes_from"),
    [
        ("", "Atrium <atrium@atrium.example.com>"),
        ("Platform team <ai@example.com>", "Platform team <ai@example.com>"),
        ("ai@example.com", "ai@example.com"),
    ],
)
def test_mails_come_from_an_address_of_ours(given: str, comes_from: str) -> None:
    assert sender(given, "https://atrium.example.com:8443") == comes_from


@pytest.mark.parametrize("given", ["Atrium", "a@b@c", "Atrium <>", "x@example.com\r\nBcc: y@example.com"])
def test_what_is_no_sender_is_refused(given: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_FROM"):
        sender(given, "https://atrium.example.com")
