"""A tenant's programs hear of its events, signed, in order, and of nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from audit.models import Entry
from notices.webhooks.delivering import deliver, waiting
from notices.webhooks.tables import Delivery, Endpoint, Event
from tenants import archiving, keys
from tenants.structure import create_project
from tests.cast import Cast
from tests.notices.conftest import add, ask, signed_in
from tests.notices.receiver import Receiver, is_signed

pytestmark = pytest.mark.django_db


def deliver_all() -> int:
    return sum(deliver(key) for key in waiting())


def issue(cast: Cast, name: str = "job") -> Any:
    return keys.issue(environment=cast.environment(), name=name, by=cast.dev)


def test_it_works(cast: Cast, receiver: Receiver) -> None:
    secret = add(cast, receiver.url)["secret"]
    issued = issue(cast)
    assert deliver_all() == 1
    [got] = receiver.got
    assert is_signed(got, secret) and not is_signed(got, "whsec_" + "A" * 44)
    assert got.headers["webhook-id"] == got.body["id"] and got.headers["content-type"] == "application/json"
    assert (got.body["kind"], got.body["tenant"]) == ("key.issued", "acme")
    assert got.body["data"]["who"] == {"kind": "user", "label": "Dev"}
    assert got.body["data"]["subject"]["kind"] == "key"
    assert issued.secret not in got.raw.decode(), "no secret leaves"
    assert waiting() == []


def test_the_secret_is_shown_once_and_kept_encrypted(cast: Cast, receiver: Receiver) -> None:
    made = add(cast, receiver.url)
    told = signed_in(cast.olivia).get(f"/api/webhooks/{made['id']}/")
    assert "secret" not in told.json() and made["secret"] not in told.content.decode()
    kept = bytes(Endpoint.objects.get().secret)
    assert made["secret"].encode() not in kept
    assert all(made["secret"] not in str(entry.facts) for entry in Entry.objects.all())


def test_the_page_says_how_much_goes_with_a_webhook_whatever_is_filtered(cast: Cast, receiver: Receiver) -> None:
    made = add(cast, receiver.url)
    issue(cast, "one")
    deliver_all()
    issue(cast, "two")
    page = f"/tenants/acme/webhooks/{made['id']}/"
    for address in (page, f"{page}?state=delivered", f"{page}?event=key.revoked"):
        assert "the log of 2 deliveries is gone" in signed_in(cast.olivia).get(address).content.decode(), address


def test_only_the_events_that_were_chosen_are_sent(cast: Cast, receiver: Receiver) -> None:
    add(cast, receiver.url, "key.revoked")
    key = issue(cast).key
    keys.revoke(key=key, by=cast.dev)
    deliver_all()
    assert [got.body["kind"] for got in receiver.got] == ["key.revoked"]


def test_another_tenants_events_are_never_sent(cast: Cast, receiver: Receiver) -> None:
    add(cast, receiver.url, by=cast.greta, tenant="globex")
    issue(cast)
    create_project(tenant=cast.globex, slug="next", name="Next", by=cast.greta)
    deliver_all()
    assert [got.body["tenant"] for got in receiver.got] == ["globex"]
    assert not Event.objects.filter(tenant=cast.acme).exists()


def test_what_was_rolled_back_is_not_told(cast: Cast, receiver: Receiver) -> None:
    add(cast, receiver.url)
    with pytest.raises(RuntimeError), transaction.atomic():
        issue(cast)
        raise RuntimeError
    assert not Event.objects.exists() and deliver_all() == 0


def test_events_arrive_in_their_order(cast: Cast, receiver: Receiver) -> None:
    add(cast, receiver.url)
    for name in ("first", "second", "third"):
        issue(cast, name)
    deliver_all()
    assert [got.body["data"]["subject"]["label"].split()[0] for got in receiver.got] == ["first", "second", "third"]


def test_a_replaced_secret_signs_beside_the_new_one_for_a_day(cast: Cast, receiver: Receiver) -> None:
    made = add(cast, receiver.url)
    answer = ask(signed_in(cast.olivia), f"/api/webhooks/{made['id']}/secret/")
    issue(cast)
    deliver_all()
    assert is_signed(receiver.got[0], made["secret"]) and is_signed(receiver.got[0], answer.json()["secret"])
    Endpoint.objects.update(earlier_until=Endpoint.objects.get().created_at)
    issue(cast, "later")
    deliver_all()
    assert not is_signed(receiver.got[1], made["secret"]) and is_signed(receiver.got[1], answer.json()["secret"])


def test_a_test_goes_to_that_address_alone(cast: Cast, receiver: Receiver) -> None:
    made = add(cast, receiver.url)
    with Receiver() as other:
        add(cast, other.url)
        answer = ask(signed_in(cast.olivia), f"/api/webhooks/{made['id']}/test/")
        assert answer.status_code == 201
        deliver_all()
        assert [got.body["kind"] for got in receiver.got] == ["webhook.test"] and other.got == []


def test_what_was_delivered_can_be_sent_again_under_the_same_id(cast: Cast, receiver: Receiver) -> None:
    add(cast, receiver.url)
    issue(cast)
    deliver_all()
    owner = signed_in(cast.olivia)
    [one] = owner.get("/api/webhook-deliveries/?tenant=acme").json()["results"]
    assert one["state"] == "delivered"
    assert ask(owner, f"/api/webhook-deliveries/{one['id']}/replay/").status_code == 200
    deliver_all()
    first, again = receiver.got
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == one["message"] and first.raw == again.raw
    whole = owner.get(f"/api/webhook-deliveries/{one['id']}/").json()
    assert [(each["status"], each["answer"]) for each in whole["attempts"]] == [(200, "thanks")] * 2
    assert whole["body"] == first.body


def test_one_that_is_switched_off_gets_nothing_and_nothing_is_kept_for_it(cast: Cast, receiver: Receiver) -> None:
    made, owner = add(cast, receiver.url), signed_in(cast.olivia)
    assert ask(owner, f"/api/webhooks/{made['id']}/switch-off/").json()["state"] == "disabled"
    issue(cast)
    assert deliver_all() == 0 and not Delivery.objects.exists()
    assert ask(owner, f"/api/webhooks/{made['id']}/test/").status_code == 409
    assert ask(owner, f"/api/webhooks/{made['id']}/switch-on/").json()["state"] == "active"
    issue(cast, "later")
    assert deliver_all() == 1


def test_a_tenant_that_is_archived_tells_so(cast: Cast, receiver: Receiver) -> None:
    add(cast, receiver.url, "tenant.archived")
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    deliver_all()
    assert [got.body["kind"] for got in receiver.got] == ["tenant.archived"]


@pytest.mark.parametrize(
    ("who", "status"), [("dev", 403), ("vera", 403), ("greta", 404), ("ned", 404), ("ada", 403), ("pat", 200)]
)
def test_only_who_manages_the_tenant_sees_its_webhooks(cast: Cast, receiver: Receiver, who: str, status: int) -> None:
    made = add(cast, receiver.url)
    issue(cast)
    client = signed_in(getattr(cast, who))
    assert client.get(f"/api/webhooks/{made['id']}/").status_code == status
    assert client.get(f"/api/webhook-deliveries/{Delivery.objects.get().pk}/").status_code == status
    if status != 200:
        assert client.get("/api/webhooks/").json()["results"] == []
        assert client.get("/api/webhook-deliveries/").json()["results"] == []
        assert client.get(f"/tenants/acme/webhooks/{made['id']}/").status_code == status


def test_another_tenants_webhook_cannot_be_reached_through_ones_own(cast: Cast, receiver: Receiver) -> None:
    made = add(cast, receiver.url)
    client = signed_in(cast.greta)
    for path in ("", "change/"):
        assert client.get(f"/tenants/globex/webhooks/{made['id']}/{path}").status_code == 404
    for path in ("secret/", "test/", "switch/", "remove/"):
        assert client.post(f"/tenants/globex/webhooks/{made['id']}/{path}").status_code == 404


def test_the_pages_do_the_same(cast: Cast, receiver: Receiver) -> None:
    owner = signed_in(cast.olivia)
    page = owner.get("/tenants/acme/webhooks/add/").content.decode()
    token = page.split('name="once" value="')[1].split('"')[0]
    asked = {"url": receiver.url, "description": "Ours", "events": ["key.issued"], "once": token}
    shown = owner.post("/tenants/acme/webhooks/add/", asked).content.decode()
    assert "whsec_" in shown
    assert owner.post("/tenants/acme/webhooks/add/", asked).status_code == 302, "done once"
    made = Endpoint.objects.get()
    issue(cast)
    deliver_all()
    here = f"/tenants/acme/webhooks/{made.pk}/"
    log = owner.get(here).content.decode()
    assert "A key was issued" in log and "Delivered" in log and "whsec_" not in log
    one = owner.get(f"/tenants/acme/deliveries/{Delivery.objects.get().pk}/").content.decode()
    assert "thanks" in one and "webhook" in one
    assert owner.get(f"{here}?format=csv").status_code == 200
    assert owner.post(f"{here}change/", asked | {"events": ["key.revoked"]}).status_code == 302
    assert owner.post(f"{here}secret/").status_code == 200
    assert owner.post(f"{here}test/").status_code == 302
    for sent in ({}, {"on": "true"}):
        assert owner.post(f"{here}switch/", sent).status_code == 302
    assert owner.post(f"{here}remove/").status_code == 302 and not Endpoint.objects.exists()


def test_what_is_wrong_is_said_beside_the_field(cast: Cast) -> None:
    owner = signed_in(cast.olivia)
    asked = {"url": "ftp://example.com/", "events": ["key.issued"], "once": "x"}
    answer = owner.post("/tenants/acme/webhooks/add/", asked)
    assert answer.status_code == 422 and "Use https://" in answer.content.decode()
    for wrong in ({"events": []}, {"events": ["key.eaten"]}, {"secret": "mine"}, {"tenant": "globex"}):
        sent = {"tenant": "acme", "url": "https://example.com/", "events": ["key.issued"]} | wrong
        assert owner.post("/api/webhooks/", sent, "application/json").status_code in (400, 404, 422)
    assert not Endpoint.objects.exists()


def test_an_address_is_there_once_and_a_tenant_has_not_many(cast: Cast) -> None:
    add(cast, "https://example.com/0")
    owner = signed_in(cast.olivia)
    asked: dict[str, Any] = {"tenant": "acme", "url": "https://example.com/0", "events": ["key.issued"]}
    assert owner.post("/api/webhooks/", asked, "application/json").status_code == 409
    for number in range(1, 20):
        add(cast, f"https://example.com/{number}")
    asked["url"] = "https://example.com/20"
    assert owner.post("/api/webhooks/", asked, "application/json").status_code == 409
