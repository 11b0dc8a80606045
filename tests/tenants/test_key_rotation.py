"""A key is replaced by a new one of the same scope, and ends after an overlap, never later than it would have."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from tenants import once
from tenants.key_rotation import OverlapNotOffered, RotatedAlready, rotate
from tenants.key_scope import KeyIsOver
from tenants.keys import IssuedKey, issue, revoke
from tenants.models import ApiKey
from tenants.scope import everything
from tests.approvals.test_pages import signed_in
from tests.cast import Cast
from tests.portal.test_api import Caller, ok, refused


@pytest.fixture
def key(cast: Cast) -> ApiKey:
    return issued(cast)


def issued(cast: Cast) -> ApiKey:
    """A key for 90 days, for one network."""
    ends = timezone.now() + dt.timedelta(days=90)
    made = issue(
        environment=cast.environment(), name="Job", by=cast.dev, expires_at=ends, allowed_networks=["10.0.0.0/8"]
    )
    return made.key


def test_it_works(cast: Cast, key: ApiKey) -> None:
    made, secret = rotate(key=key, overlap="24h", by=cast.olivia)
    assert secret.startswith(made.prefix) and made.prefix != key.prefix
    assert (made.environment, made.name, made.allowed_networks) == (key.environment, "Job", ["10.0.0.0/8"])
    assert made.replaces == key and made.created_by == cast.olivia
    assert abs(made.expires_at - timezone.now() - dt.timedelta(days=90)) < dt.timedelta(minutes=1)
    key.refresh_from_db()
    assert abs(key.expires_at - timezone.now() - dt.timedelta(hours=24)) < dt.timedelta(minutes=1)  # type: ignore[operator]
    entry = Entry.objects.get(verb="key.rotated")
    assert (entry.subject_id, entry.facts["successor"]) == (str(key.pk), made.prefix)
    assert Entry.objects.filter(verb="key.issued").latest("at").facts["replaces"] == key.prefix


def test_without_an_overlap_the_old_one_ends_at_once(cast: Cast, key: ApiKey) -> None:
    rotate(key=key, overlap="0", by=cast.dev)
    key.refresh_from_db()
    assert key.state == "expired"


def test_an_earlier_end_is_never_put_off(cast: Cast) -> None:
    soon = timezone.now() + dt.timedelta(hours=2)
    key = issue(environment=cast.environment(), name="Short", by=cast.dev, expires_at=soon).key
    rotate(key=key, overlap="7d", by=cast.dev)
    key.refresh_from_db()
    assert key.expires_at == soon


def test_a_key_without_end_gets_a_successor_without_end(cast: Cast) -> None:
    key = issue(environment=cast.environment(), name="Long", by=cast.dev).key
    assert rotate(key=key, overlap="1h", by=cast.dev).key.expires_at is None


def test_a_key_is_replaced_once_unless_its_successor_was_revoked(cast: Cast, key: ApiKey) -> None:
    first = rotate(key=key, overlap="24h", by=cast.dev).key
    with pytest.raises(RotatedAlready, match=first.prefix):
        rotate(key=key, overlap="24h", by=cast.olivia)
    revoke(key=first, by=cast.dev)
    second = rotate(key=key, overlap="24h", by=cast.dev).key
    assert abs(second.expires_at - first.expires_at) < dt.timedelta(minutes=1), "as long as it was issued for"


def test_what_no_longer_works_is_not_replaced(cast: Cast, key: ApiKey) -> None:
    revoke(key=key, by=cast.dev)
    with pytest.raises(KeyIsOver):
        rotate(key=key, overlap="1h", by=cast.dev)


def test_another_overlap_is_not_offered(cast: Cast, key: ApiKey) -> None:
    with pytest.raises(OverlapNotOffered):
        rotate(key=key, overlap="30d", by=cast.dev)


def test_two_people_at_once_rotate_once(transactional_db: None) -> None:
    cast = Cast.create()
    key = issued(cast)

    @everything("a test rotates from two threads")
    def attempt(person: str) -> IssuedKey | None:
        try:
            return rotate(key=key, overlap="1h", by=getattr(cast, person))
        except RotatedAlready:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(attempt, ["dev", "olivia"] * 2))
    assert len([each for each in made if each]) == 1
    assert ApiKey.objects.count() == 2


def test_its_page_shows_the_new_secret_once_and_the_chain(cast: Cast, key: ApiKey) -> None:
    client, page = signed_in(cast.dev), f"/tenants/acme/keys/{key.pk}/rotate/"
    assert "In 24 hours" in client.get(page).content.decode()
    form = {"overlap": "1h", "once": once.new_token()}
    sent = client.post(page, form)
    made = ApiKey.objects.get(replaces=key)
    assert sent.status_code == 200 and f"{made.prefix}_" in sent.content.decode()
    assert client.post(page, form).status_code == 302, "sent twice"
    again = client.post(page, form | {"once": once.new_token()})
    assert again.status_code == 422 and "was replaced by" in again.content.decode()
    assert made.prefix in client.get(f"/tenants/acme/keys/{key.pk}/").content.decode()
    assert key.prefix in client.get(f"/tenants/acme/keys/{made.pk}/").content.decode()
    assert ApiKey.objects.count() == 2


def test_the_api_rotates(cast: Cast, key: ApiKey) -> None:
    dev = Caller(cast.dev)
    made = ok(dev.post(f"keys/{key.pk}/rotate/", overlap="0"), 201)
    assert made["replaces"] == str(key.pk) and made["secret"].startswith(made["prefix"])
    assert dev.get(f"keys/{key.pk}/")["state"] == "expired"
    refused(dev.post(f"keys/{key.pk}/rotate/"), 409, "rotated_already")
    refused(dev.post(f"keys/{made['id']}/rotate/", overlap="2d"), 422)
