"""More than a form takes, or no honest request at all: told in the form of whoever sent it, and nothing is changed."""

from __future__ import annotations

from django.test import Client

from tests.cast import Cast

MUCH = {"display_name": "x" * 9_000_000}


def client_of(cast: Cast) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(cast.dev)
    return client


def test_a_page_says_how_much_it_takes(cast: Cast) -> None:
    told = client_of(cast).post("/accounts/settings/", MUCH)
    assert told.status_code == 413
    assert "A form takes 8 MB at most" in told.content.decode()


def test_a_script_is_told_by_a_toast(cast: Cast) -> None:
    told = client_of(cast).post("/playground/run/", MUCH, headers={"HX-Request": "true"})
    assert (told.status_code, told["HX-Reswap"]) == (413, "none")
    assert "8 MB" in told.json()["text"]


def test_a_foreign_host_is_told_in_one_line(cast: Cast) -> None:
    told = client_of(cast).get("/", headers={"host": "evil.example"})
    assert told.status_code == 400
    assert told.content == b"This is not a name under which Atrium can be reached."


def test_a_program_is_told_that_what_it_sent_goes_too_deep(cast: Cast) -> None:
    for sent in ("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000):
        for path in ("/api/keys/", "/api/leaked-keys/"):  # one for anybody
            told = client_of(cast).post(path, sent, "application/json")
            assert (told.status_code, told.json()["code"]) == (400, "parse_error")
