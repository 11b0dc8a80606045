"""A tenant that leaves takes the content of its calls along: apart from its archive, by who may read it, on record."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.test import Client

from access.models import Offboarding
from access.offboarding import job
from access.offboarding.beginning import begin
from audit.models import Entry
from tests.bodies.contents import content_of
from tests.cast import Cast
from tests.usage.ledger_lines import called
from usage.bodies.erasing import erase_all
from usage.bodies.tables import Body, BodyKey

pytestmark = pytest.mark.django_db
PAGE, CONTENT = "/tenants/acme/offboarding/", "/tenants/acme/offboarding/content.jsonl"


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    return client


def leaving(cast: Cast) -> Offboarding:
    done = job.run(begin(tenant=cast.acme, reason="Dissolved", by=cast.olivia).pk)
    assert done is not None and done.state == Offboarding.State.WAITING
    return done


def taken(client: Client) -> list[dict[str, str]]:
    answer = client.get(CONTENT)
    assert answer.status_code == 200 and "no-store" in answer["cache-control"]
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]


def test_the_archive_holds_no_content_whoever_takes_it(cast: Cast) -> None:
    content_of(called(cast.environment()))
    leaving(cast)
    answer = signed_in(cast.pat).get("/tenants/acme/offboarding/archive.zip")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert "content.jsonl" not in archive.namelist()
    assert b"order" not in everything and b"On its way" not in everything


def test_content_is_taken_by_who_may_read_it_and_that_is_on_record(cast: Cast) -> None:
    content_of(called(cast.environment()))
    content_of(called(cast.environment()))
    leaving(cast)
    olivia, pat = signed_in(cast.olivia), signed_in(cast.pat)
    assert pat.get(CONTENT).status_code == 403 and not Entry.objects.filter(verb="body.read").exists()
    assert CONTENT not in pat.get(PAGE).content.decode() and CONTENT in olivia.get(PAGE).content.decode()
    told = taken(olivia)
    assert len(told) == 2 and all("Where is" in each["prompt"] and "On its way." in each["answer"] for each in told)
    entry = Entry.objects.get(verb="body.read")
    assert (entry.subject_id, entry.actor_id) == (str(cast.acme.pk), str(cast.olivia.pk))
    assert entry.facts["calls"] == 2 and "order" not in json.dumps(entry.facts)


def test_what_is_erased_meanwhile_is_nowhere_any_more(cast: Cast) -> None:
    content_of(called(cast.environment()))
    leaving(cast)
    erase_all(tenant=cast.acme, reason="Asked for it", by=cast.olivia)
    olivia = signed_in(cast.olivia)
    assert taken(olivia) == [] and CONTENT not in olivia.get(PAGE).content.decode()


def test_a_tenant_that_stays_takes_nothing(cast: Cast) -> None:
    content_of(called(cast.environment()))
    assert signed_in(cast.olivia).get(CONTENT).status_code == 409


def test_an_archive_may_hold_what_is_larger_than_two_gigabytes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 50)  # as if each file were that large
    made = leaving(cast)
    content = b"".join(bytes(piece.content) for piece in made.pieces.all())
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_a_lost_key_of_the_installation_keeps_nobody_from_leaving(cast: Cast) -> None:
    content_of(called(cast.environment()))
    BodyKey.objects.update(wrapped=b"under a key that is gone")
    leaving(cast)
    [told] = taken(signed_in(cast.olivia))
    assert "ATRIUM_CREDENTIAL_KEYS" in told["unreadable"] and Body.objects.exists()
