"""Whoever connects an endpoint has the kinds that are offered, at the page and in the API alike."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.test import Client
from django.utils.html import escape

from catalog import dialects, probing
from catalog.models import Provider
from catalog.providers import credential_of


@pytest.mark.parametrize("kind", ["local", "brand-new"])
def test_a_kind_that_is_not_offered_cannot_be_connected(pat: Client, kind: str) -> None:
    given = {"name": "Mine", "dialect": kind, "base_url": "http://127.0.0.1:9/v1"}
    answer = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422 and answer.json()["field"] == "dialect", answer.content
    assert f"no kind of endpoint “{kind}”" in answer.json()["detail"] and ", local" not in answer.json()["detail"]
    assert not Provider.objects.filter(name="Mine").exists()


def test_the_form_says_what_the_chosen_kind_wants(pat: Client) -> None:
    for each in dialects.offered():
        told = pat.get(f"/platform/providers/connect/?of_kind=1&dialect={each.name}").content.decode()
        assert escape(each.credential) in told and escape(each.about) in told, each.name
        assert escape(each.address or each.example) in told and "<form" not in told, each.name
    whole = pat.get("/platform/providers/connect/").content.decode()
    assert whole.count(escape(dialects.known_as("vertex").credential)) == 1  # for who has no scripts
    assert "below which /models" in pat.get("/platform/providers/connect/?of_kind=1&dialect=zzz").content.decode()


def test_a_kind_without_a_list_of_models_says_so_and_offers_to_publish_by_name(pat: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    server = HTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)  # answers 501 to everything, which is an answer
    threading.Thread(target=server.serve_forever, daemon=True).start()
    given = {"name": "Rock", "dialect": "bedrock", "base_url": f"http://127.0.0.1:{port}", "credential": ""}
    made = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "r"})
    assert made.status_code == 201, made.content
    page = pat.get("/platform/providers/rock/?models=1").content.decode()
    server.shutdown()
    server.server_close()
    assert "tells no list of models" in page and 'href="/platform/providers/rock/publish/"' in page
    assert "empty list" not in page


def test_a_key_file_is_taken_with_its_lines_and_kept(pat: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "list_models", lambda *_: probing.Answer(None, 1))
    told = json.dumps({"client_email": "a", "private_key": "-----BEGIN\nx"}, indent=2)
    given = {"name": "Place", "dialect": "vertex", "base_url": "https://example.test/v1", "credential": told}
    made = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "v"})
    assert made.status_code == 201, made.content
    assert json.loads(credential_of(Provider.objects.get(slug="place"))) == json.loads(told)
    given |= {"name": "Other", "credential": "a\nb"}
    made = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "w"})
    assert made.status_code == 422 and made.json()["field"] == "credential"
