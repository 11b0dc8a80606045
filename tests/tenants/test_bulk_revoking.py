"""Many keys are revoked at once: previewed with figures, all or none, an audit entry each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from tenants.bulk_revoking import MOST_AT_ONCE, revoke_all
from tenants.keys import issue, revoke
from tenants.models import ApiKey
from tenants.scope import everything
from tests.approvals.test_pages import signed_in
from tests.cast import Cast
from tests.portal.test_api import Caller, ok, refused

PAGE = "/tenants/acme/keys/revoke/"


def issued(cast: Cast) -> list[ApiKey]:
    kinds = ("development", "test", "production")
    return [issue(environment=cast.environment(kind), name=f"Job {kind}", by=cast.dev).key for kind in kinds]


@pytest.fixture
def three(cast: Cast) -> list[ApiKey]:
    return issued(cast)


@pytest.fixture
def foreign(cast: Cast) -> ApiKey:
    return issue(environment=cast.environment(of=cast.foreign_project), name="Theirs", by=cast.greta).key


def query(keys: list[ApiKey]) -> str:
    return "&".join(f"key={key.pk}" for key in keys)


def test_it_works(cast: Cast, three: list[ApiKey]) -> None:
    ApiKey.objects.filter(pk=three[0].pk).update(last_used_at=timezone.now())
    revoke(key=three[1], by=cast.dev)
    client = signed_in(cast.dev)
    told = " ".join(client.get(f"{PAGE}?{query(three)}").content.decode().split())
    assert "<strong>2</strong> of them still work, <strong>1</strong> in production" in told
    assert "<strong>1</strong> was used in the last 7 days" in told
    assert "1 was revoked before" in told
    assert ApiKey.objects.exclude(revoked_at=None).count() == 1, "a preview changes nothing"
    sent = client.post(PAGE, {"key": [key.pk for key in three], "reason": "Clean-up"})
    assert sent.status_code == 302
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    entries = Entry.objects.filter(verb="key.revoked", facts__reason="Clean-up")
    assert {entry.subject_id for entry in entries} == {str(three[0].pk), str(three[2].pk)}


def test_the_list_offers_to_tick_what_is_not_revoked_to_who_may(cast: Cast, three: list[ApiKey]) -> None:
    revoke(key=three[1], by=cast.dev)
    assert signed_in(cast.dev).get("/tenants/acme/keys/").content.decode().count('type="checkbox"') == 2
    assert 'type="checkbox"' not in signed_in(cast.vera).get("/tenants/acme/keys/").content.decode()


def test_a_foreign_key_among_them_is_missing_and_nothing_is_done(
    cast: Cast, three: list[ApiKey], foreign: ApiKey
) -> None:
    client, mixed = signed_in(cast.dev), [key.pk for key in [*three, foreign]]
    assert client.get(f"{PAGE}?{query([*three, foreign])}").status_code == 404
    for odd in (mixed, [*mixed[:3], uuid4()], [*mixed[:3], "x"]):
        assert client.post(PAGE, {"key": odd}).status_code == 404
    texts = [str(pk) for pk in mixed]
    refused(Caller(cast.dev).post("keys/revoke/", keys=texts), 404)
    refused(Caller(cast.dev).post("keys/revoke/", keys=[*texts[:3], str(uuid4())]), 404)
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_who_may_not_manage_one_of_their_tenants_revokes_nothing(cast: Cast, three: list[ApiKey]) -> None:
    refused(Caller(cast.vera).post("keys/revoke/", keys=[str(three[0].pk)]), 403)
    refused(Caller(cast.greta).post("keys/revoke/", keys=[str(three[0].pk)]), 404)
    assert signed_in(cast.vera).post(PAGE, {"key": [three[0].pk]}).status_code == 403
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_nothing_ticked_goes_back_to_the_list_and_too_many_are_told(cast: Cast) -> None:
    client = signed_in(cast.dev)
    assert client.get(PAGE)["Location"] == "/tenants/acme/keys/"
    assert client.post(PAGE, {"key": [uuid4() for _ in range(MOST_AT_ONCE + 1)]}).status_code == 422
    assert "keys" in refused(Caller(cast.dev).post("keys/revoke/", keys=[]), 422)["errors"]


def test_the_api_revokes_them_and_again_none(cast: Cast, three: list[ApiKey]) -> None:
    dev, texts = Caller(cast.dev), [str(key.pk) for key in three]
    assert ok(dev.post("keys/revoke/", keys=[*texts, texts[0]], reason="Clean-up")) == {"revoked": 3}
    assert ok(dev.post("keys/revoke/", keys=texts)) == {"revoked": 0}
    assert Entry.objects.filter(verb="key.revoked").count() == 3


def test_two_people_at_once_revoke_each_key_once(transactional_db: None) -> None:
    cast = Cast.create()
    three = issued(cast)

    @everything("a test revokes from two threads")
    def attempt(turned: bool) -> int:
        try:
            return revoke_all(found=three[::-1] if turned else three, by=cast.dev)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(attempt, [False, True])) == 3
    assert Entry.objects.filter(verb="key.revoked").count() == 3
