"""Connecting an endpoint: tested before anything is kept, the credential encrypted and never shown again."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from audit.models import Entry
from audit.record import SYSTEM
from catalog import egress, probing, providers
from catalog.dialects import COMPATIBLE, dialect_called
from catalog.models import Deployment, Model, Provider, Route
from catalog.providers import credential_of, rotate_credentials
from tests.cast import Cast, route

pytestmark = pytest.mark.django_db
CREDENTIAL = "sk-a-secret-of-the-cluster"


class Endpoint:
    """An OpenAI-compatible endpoint with one model, which wants `CREDENTIAL`."""

    def __init__(self) -> None:
        self.body: Any = {"object": "list", "data": [{"id": "cluster-7b", "object": "model"}]}
        self.heard: list[str] = []
        endpoint = self

        class Answering(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                endpoint.heard.append(self.path)
                sent = (self.headers.get("Authorization"), self.headers.get("api-key"))
                is_known = f"Bearer {CREDENTIAL}" in sent or CREDENTIAL in sent
                body = endpoint.body if isinstance(endpoint.body, bytes) else json.dumps(endpoint.body).encode()
                self.send_response(200 if is_known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    running = Endpoint()
    threading.Thread(target=running.server.serve_forever, daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()


def connect(pat: Client, endpoint: Endpoint, **more: str) -> Any:
    given = {
        "name": "Research cluster",
        "dialect": "openai",
        "base_url": endpoint.url,
        "credential": CREDENTIAL,
        **more,
    }
    return pat.post("/platform/providers/connect/", given)


def test_an_endpoint_is_tested_connected_and_its_model_published(pat: Client, dev: Client, endpoint: Endpoint) -> None:
    assert connect(pat, endpoint).status_code == 302
    provider = Provider.objects.get(slug="research-cluster")
    page = pat.get("/platform/providers/research-cluster/?models=1").content.decode()
    assert "cluster-7b" in page
    answer = pat.post(
        "/platform/providers/research-cluster/publish/",
        {
            "upstream": "cluster-7b",
            "new_name": "Cluster 7B",
            "slug": "cluster",
            "input_per_million": "0.10",
            "output_per_million": "0.20",
        },
    )
    assert answer.status_code == 302
    assert Route.objects.get(slug="cluster").targets.get().deployment.provider == provider
    assert "cluster" in dev.get("/api/models/?q=cluster 7b").content.decode()


def test_who_lists_other_names_than_its_deployments_is_asked_for_its_status_alone(
    pat: Client, endpoint: Endpoint
) -> None:
    azure = {"dialect": "azure", "base_url": endpoint.url.replace("/v1", "/openai/v1")}
    assert connect(pat, endpoint, **azure, credential="another").status_code == 422
    assert connect(pat, endpoint, **azure).status_code == 302
    connected = Provider.objects.get(slug="research-cluster")
    assert (connected.dialect, connected.test_result) == ("azure", "answered; its kind tells no list of models")
    assert set(endpoint.heard) == {"/openai/v1/models"}


def test_publishing_begins_with_the_list_price_and_offers_models_while_one_types(
    pat: Client, endpoint: Endpoint
) -> None:
    listed = {"mode": "chat", "input_price": Decimal("1.25"), "output_price": Decimal(10)}
    Model.objects.create(slug="cluster-7b", name="Cluster 7B", purpose="x", **listed)
    connect(pat, endpoint)
    path = "/platform/providers/research-cluster/publish/"
    page = pat.get(f"{path}?upstream=cluster-7b").content.decode()
    assert 'value="1.250000"' in page and "The catalog lists $10.00 for Cluster 7B." in page
    offered = pat.get(f"{path}?offered=1&model=clus").content.decode()
    assert offered.strip().startswith('<option value="cluster-7b">') and "$1.25 in, $10.00 out" in offered


def test_an_endpoint_that_is_not_there_is_told_in_words(pat: Client) -> None:
    told = pat.post(
        "/platform/providers/connect/", {"name": "Nobody", "dialect": "openai", "base_url": "http://127.0.0.1:9/v1"}
    )
    assert told.status_code == 422
    assert "connection refused" in told.content.decode() and "Errno" not in told.content.decode()


def test_the_credential_is_encrypted_and_shown_to_nobody(pat: Client, endpoint: Endpoint) -> None:
    connect(pat, endpoint)
    provider = Provider.objects.get(slug="research-cluster")
    assert CREDENTIAL.encode() not in bytes(provider.credential or b"") and credential_of(provider) == CREDENTIAL
    for path in ("/platform/providers/", "/platform/providers/research-cluster/", "/api/providers/research-cluster/"):
        assert CREDENTIAL not in pat.get(path).content.decode()
    assert CREDENTIAL not in json.dumps(list(Entry.objects.values_list("facts", flat=True)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"credential": "sk-wrong"}, "credential"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "answer"),
        ({"base_url": "http://169.254.169.254/v1"}, "169.254"),
        ({"base_url": "http://[::ffff:169.254.169.254]/v1"}, "metadata services"),
        ({"base_url": "http://[64:ff9b::a9fe:a9fe]/v1"}, "metadata services"),
        ({"base_url": "http://[fd00:ec2::254]/v1"}, "metadata services"),
        ({"base_url": "http://100.100.100.200/v1"}, "metadata services"),
        ({"base_url": "ftp://example.test"}, "http"),
        ({"base_url": "http://no-such-host.invalid/v1"}, "no host"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_what_does_not_answer_is_not_kept_and_the_form_says_why(
    pat: Client, endpoint: Endpoint, given: dict[str, str], said: str
) -> None:
    answer = connect(pat, endpoint, **given)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert 'value="Research cluster"' in answer.content.decode()
    assert not Provider.objects.filter(slug="research-cluster").exists()


@pytest.mark.parametrize("body", [b"<html>", {"error": "no"}, b"\xff\xfe", []], ids=str)
def test_an_answer_of_another_kind_is_told(pat: Client, endpoint: Endpoint, body: Any) -> None:
    endpoint.body = body
    assert connect(pat, endpoint).status_code == 422
    assert not Provider.objects.filter(slug="research-cluster").exists()


def test_a_name_with_a_sign_that_cannot_be_seen_is_neither_offered_nor_published(
    cast: Cast, pat: Client, endpoint: Endpoint
) -> None:
    """It is told in a header of each answer (`gateway.call_headers`)."""
    endpoint.body = {"object": "list", "data": [{"id": "cluster-7b"}, {"id": "evil\r\nx-injected: 1"}, {"id": "a\0b"}]}
    connect(pat, endpoint)
    assert probing.list_models(dialect_called(COMPATIBLE), endpoint.url, CREDENTIAL).models == ["cluster-7b"]
    given = {"slug": "new", "new_name": "New", "input_per_million": "1", "output_per_million": "1"}
    said = {"provider": "research-cluster", "upstream_name": "evil\r\nx-injected: 1"}
    refused = pat.post("/api/routes/", json.dumps(given | said), "application/json")
    assert refused.status_code == 422 and "cannot be seen" in refused.content.decode()
    assert not Deployment.objects.filter(upstream_name__contains="evil").exists()


def test_a_new_credential_replaces_the_old_one_only_if_it_works(pat: Client, endpoint: Endpoint) -> None:
    connect(pat, endpoint)
    address = "/platform/providers/research-cluster/credential/"
    assert pat.post(address, {"credential": "sk-wrong"}).status_code == 422
    assert credential_of(Provider.objects.get(slug="research-cluster")) == CREDENTIAL
    assert pat.post(address, {"credential": CREDENTIAL}).status_code == 302


def test_disconnecting_switches_its_routes_off(cast: Cast, pat: Client, endpoint: Endpoint) -> None:
    connect(pat, endpoint)
    pat.post("/platform/providers/research-cluster/disconnect/")
    provider = Provider.objects.get(slug="research-cluster")
    assert not provider.credential
    assert Entry.objects.filter(verb="provider.disconnected").exists()


def test_a_name_that_leads_elsewhere_after_it_was_checked_is_sent_nothing(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress, "_METADATA", frozenset({ipaddress.ip_address("127.0.0.1")}))
    monkeypatch.setattr(probing, "check_address", lambda *_, **__: None)  # as it was when the name still led there
    with pytest.raises(egress.AddressNotAllowed):
        probing.list_models(dialect_called(COMPATIBLE), endpoint.url, CREDENTIAL)
    assert not endpoint.heard


def test_credentials_can_be_kept_under_a_newer_key_and_the_old_one_taken_out(
    pat: Client, endpoint: Endpoint, settings: Any
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [old]
    connect(pat, endpoint)
    settings.CREDENTIAL_KEYS = [new, old]
    assert rotate_credentials(by=SYSTEM) == 1
    settings.CREDENTIAL_KEYS = [new]
    assert credential_of(Provider.objects.get(slug="research-cluster")) == CREDENTIAL
    assert Entry.objects.filter(verb="credentials.rotated").exists()


def test_a_failed_test_by_the_api_is_noted_although_the_key_is_free_again(pat: Client, endpoint: Endpoint) -> None:
    connect(pat, endpoint)
    endpoint.body = b"<html>"
    address, key = "/api/providers/research-cluster/test/", {"Idempotency-Key": "k"}

    def send() -> Any:
        return pat.post(address, content_type="application/json", headers=key)

    assert send().status_code == 422
    assert "such as OpenAI-compatible endpoints" in Provider.objects.get(slug="research-cluster").test_result
    endpoint.body = {"data": [{"id": "cluster-7b"}]}
    assert send().status_code == 200
    assert send()["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("by_api", [False, True], ids=["page", "API"])
def test_publishing_under_a_route_of_another_model_leaves_nothing_behind(
    cast: Cast, pat: Client, endpoint: Endpoint, by_api: bool
) -> None:
    connect(pat, endpoint)
    route("taken")
    given = {"slug": "taken", "new_name": "Cluster 7B", "input_per_million": "0.1", "output_per_million": "0.2"}
    before = list(Entry.objects.values_list("verb", flat=True))
    if by_api:
        said = given | {"provider": "research-cluster", "upstream_name": "cluster-7b"}
        assert pat.post("/api/routes/", json.dumps(said), "application/json").status_code == 409
    else:
        said = given | {"upstream": "cluster-7b"}
        assert pat.post("/platform/providers/research-cluster/publish/", said).status_code == 422
    assert not Deployment.objects.filter(upstream_name="cluster-7b").exists()
    assert not Model.objects.filter(name="Cluster 7B").exists()
    assert list(Entry.objects.values_list("verb", flat=True)) == before


def test_testing_notes_the_health_of_what_is_served_on_the_page_and_by_the_api(pat: Client, endpoint: Endpoint) -> None:
    connect(pat, endpoint)
    base = "/platform/providers/research-cluster"
    given = {
        "upstream": "cluster-7b",
        "new_name": "C",
        "slug": "c",
        "input_per_million": "0",
        "output_per_million": "0",
    }
    assert pat.post(f"{base}/publish/", given).status_code == 302
    for body, health, said in (
        ({"data": [{"id": "other"}]}, "failing", "list this model"),
        ({"data": [{"id": "cluster-7b"}]}, "healthy", ""),
        (b"<html>", "failing", "such as OpenAI-compatible endpoints"),
    ):
        endpoint.body = body
        for address in (f"{base}/test/", "/api/providers/research-cluster/test/"):
            Deployment.objects.update(health="unknown", check_result="")
            pat.post(address, content_type="application/json")
            deployment = Deployment.objects.get(upstream_name="cluster-7b")
            assert deployment.health == health and said in deployment.check_result, address
    assert Entry.objects.filter(verb="provider.tested").count() == 6


def test_looking_at_what_a_provider_serves_writes_nothing(pat: Client, endpoint: Endpoint) -> None:
    connect(pat, endpoint)
    Provider.objects.update(test_result="as before")
    before = Entry.objects.count()
    assert pat.get("/api/providers/research-cluster/models/").json() == ["cluster-7b"]
    assert "cluster-7b" in pat.get("/platform/providers/research-cluster/?models=1").content.decode()
    assert Entry.objects.count() == before
    assert Provider.objects.get(slug="research-cluster").test_result == "as before"


def test_a_file_of_the_catalog_leaves_a_trace_like_every_file(dev: Client) -> None:
    list(dev.get("/catalog/export.csv?q=gpt").streaming_content)
    entry = Entry.objects.filter(verb="export.taken").latest("pk")
    assert (entry.subject_id, entry.facts["filters"]) == ("catalog", {"q": "gpt"})


def test_a_provider_whose_key_is_in_the_environment_is_suggested_and_connected_by_the_api(
    pat: Client, dev: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = providers.Suggestion("cluster", "Cluster", "CLUSTER_API_KEY", endpoint.url)
    monkeypatch.setattr(providers, "_KNOWN_KEYS", (known,))
    address = "/api/providers/suggestions/"
    assert pat.get(address).json() == []
    monkeypatch.setenv("CLUSTER_API_KEY", CREDENTIAL)
    facts = {"slug": "cluster", "name": "Cluster", "base_url": endpoint.url, "variable": "CLUSTER_API_KEY"}
    assert pat.get(address).json() == [facts]
    assert dev.get(address).status_code == 403
    made = pat.post(address, {"slug": "cluster"}, "application/json")
    assert made.status_code == 201 and CREDENTIAL not in made.content.decode()
    assert credential_of(Provider.objects.get(slug="cluster")) == CREDENTIAL
    assert pat.get(address).json() == []
    again = pat.post(address, {"slug": "cluster"}, "application/json")
    assert (again.status_code, again.json()["code"]) == (409, "provider_not_connected")
