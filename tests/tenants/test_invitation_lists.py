"""Many invited at once: read and shown first, confirmed, sent in slices; and every line that is wrong is named."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Entry
from refusals.errors import Missing
from tenants import invitation_sending, invite_many
from tenants.archiving import archive_tenant
from tenants.arrivals import Invitation, InvitationBatch
from tenants.invitation_list import MOST_ROWS
from tenants.invite import invite
from tenants.models import Notification
from tests.cast import Cast
from tests.tenants.test_invitations import signed_in

NEW = "/tenants/acme/invitations/lists/new/"
LIST = """email,role
ann@example.test,developer
Bea@Example.test,Viewer
ann@example.test,viewer
not an address,viewer
cem@example.test,emperor
dev@example.test,viewer
asked@example.test,viewer
ann@examp1e.test,viewer

dan@example.test
"""


@pytest.fixture
def olivia(cast: Cast) -> Client:
    invite(tenant=cast.acme, email="asked@example.test", role="viewer", by=cast.olivia)
    mail.outbox.clear()
    return signed_in(cast.olivia)


def sent(client: Client, text: str = LIST) -> InvitationBatch:
    place = client.post(NEW, {"text": text, "role": "analyst"})
    assert place.status_code == 302, place.content
    batch = InvitationBatch.objects.get(pk=place["Location"].split("/")[-2])
    work_off(batch)
    return batch


def page(client: Client, batch: InvitationBatch, more: str = "") -> str:
    answer = client.get(f"/tenants/acme/invitations/lists/{batch.pk}/{more}")
    assert answer.status_code == 200
    return answer.content.decode()


def work_off(batch: InvitationBatch) -> None:
    """What the worker does, task by task."""
    while invite_many.go_on(batch.pk):
        pass
    batch.refresh_from_db()


def test_it_works(cast: Cast, olivia: Client) -> None:
    place = olivia.post(NEW, {"text": LIST, "role": "analyst"})["Location"]
    batch = InvitationBatch.objects.get()
    assert all(words in page(olivia, batch) for words in ("Reading the list", "every 1s", "Forget the list"))
    work_off(batch)
    watched = olivia.get(place, HTTP_HX_REQUEST="true").content.decode()
    assert "3 of 9 will be invited" in watched and "Twice in the list (1)" in watched and "every 1s" not in watched
    shown = page(olivia, batch)
    assert "3 of 9 will be invited" in shown and not mail.outbox
    assert Invitation.objects.count() == 1, "nobody was invited by reading"
    olivia.post(f"/tenants/acme/invitations/lists/{batch.pk}/confirm/")
    assert all(words in page(olivia, batch) for words in ("Making invitations", "every 1s", "0 of 3"))
    assert Invitation.objects.count() == 1, "nor in the request that says so"
    work_off(batch)
    assert "3 people are invited" in page(olivia, batch) and "6 lines were left out" in page(olivia, batch)
    assert sorted(m.to[0] for m in mail.outbox) == ["ann@example.test", "bea@example.test", "dan@example.test"]
    roles = dict(Invitation.objects.filter(batch=batch).values_list("email", "role"))
    assert roles == {"ann@example.test": "developer", "bea@example.test": "viewer", "dan@example.test": "analyst"}


@pytest.mark.parametrize(
    ("show", "words"),
    [
        ("duplicate", "The same address is on line 2"),
        ("bad_address", "Write it as name@example.com"),
        ("unknown_role", "There is no role “emperor”"),
        ("member_already", "As developer."),
        ("invited_already", "Send it again or withdraw it"),
        ("look_alike", "It can be mistaken for ann@example.test"),
    ],
)
def test_every_line_that_is_wrong_says_why(olivia: Client, show: str, words: str) -> None:
    batch = sent(olivia)
    shown = page(olivia, batch, f"?show={show}")
    assert words in shown and shown.count('<th scope="row"') == 1


def test_a_file_is_read_like_what_is_pasted(olivia: Client) -> None:
    file = SimpleUploadedFile("people.csv", "\ufeffE-Mail;Role\r\neva@example.test;viewer\r\n".encode())
    place = olivia.post(NEW, {"file": file, "role": "viewer"})["Location"]
    work_off(InvitationBatch.objects.get())
    assert "1 of 1 will be invited" in olivia.get(place).content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Choose a file or paste a list"),
        ({"text": "\n\n"}, "Choose a file or paste a list"),
        ({"text": "email,role\n"}, "There is nobody in this list"),
        ({"file": b"\xff\xfea\x00"}, "not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_as_a_whole(olivia: Client, given: dict[str, Any], words: str) -> None:
    if "file" in given:
        given = {"file": SimpleUploadedFile("people.csv", given["file"])}
    told = olivia.post(NEW, given | {"role": "viewer"})
    assert told.status_code == 422 and words in told.content.decode()
    assert not InvitationBatch.objects.exists()


def test_fifty_thousand_lines_are_a_few_questions(cast: Cast, olivia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (f"p{n}@{'example.test' if n % 7 else 'exa mple'},viewer\n" for n in range(MOST_ROWS))
    with CaptureQueriesContext(connection) as asked:
        batch = invite_many.plan(tenant=cast.acme, lines=lines, by=cast.olivia)
    assert (batch.state, batch.total, len(asked) <= 6) == ("reading", MOST_ROWS, True)
    with CaptureQueriesContext(connection) as asked:
        assert not invite_many.go_on(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.total, batch.left_out) == ("planned", MOST_ROWS - 7143, 7143) and len(asked) <= 16
    with CaptureQueriesContext(connection) as asked:
        invite_many.confirm(batch=batch, by=cast.olivia)
    assert len(asked) <= 12 and Invitation.objects.filter(batch=batch).count() == 0
    monkeypatch.setattr(invite_many, "AT_ONCE", 20_000)
    for made in (20_000, 40_000, batch.total):
        with CaptureQueriesContext(connection) as asked:
            assert invite_many.go_on(batch.pk)
        assert Invitation.objects.filter(batch=batch).count() == made and len(asked) <= 60
    batch.refresh_from_db()
    assert (batch.state, batch.rows) == ("running", [])
    one_more = (f"p{n}@example.test,viewer\n" for n in range(MOST_ROWS + 1))
    with pytest.raises(Exception, match="at most 50,000"):
        invite_many.plan(tenant=cast.acme, lines=one_more, by=cast.olivia)


def test_who_confirmed_is_told_once_at_the_end(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    invite_many.confirm(batch=batch, by=cast.olivia)
    told = Notification.objects.filter(user=cast.olivia, title__contains="invited to Acme")
    while invite_many.go_on(batch.pk):
        assert not told.exists()
    assert not invite_many.go_on(batch.pk)
    assert (told.get().title, told.get().body) == (
        "3 people are invited to Acme", "6 lines were left out, 0 mails were not taken."
    )  # fmt: skip
    assert olivia.get(told.get().path).status_code == 200
    assert Entry.objects.get(verb="invitations.sent").facts == {"invited": 3, "left_out": 6}


def test_a_list_that_is_still_read_is_not_confirmed_and_can_be_forgotten(cast: Cast, olivia: Client) -> None:
    place = olivia.post(NEW, {"text": LIST, "role": "analyst"})["Location"]
    batch = InvitationBatch.objects.get()
    told = olivia.post(f"{place}confirm/")
    assert told.status_code == 409 and "still being read" in told.content.decode()
    olivia.post(f"{place}cancel/")
    work_off(batch)
    assert batch.state == "cancelled" and batch.rows == [] and not Entry.objects.filter(verb__startswith="invitations.")


def test_what_may_no_longer_be_done_stops_and_says_why(
    cast: Cast, olivia: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invite_many, "AT_ONCE", 2)
    batch = sent(olivia)
    invite_many.confirm(batch=batch, by=cast.olivia)
    assert invite_many.go_on(batch.pk) and Invitation.objects.filter(batch=batch).count() == 2
    archive_tenant(tenant=cast.acme, by=cast.olivia)
    work_off(batch)
    assert batch.state == "cancelled" and "is archived" in page(olivia, batch)
    assert not Invitation.objects.open().filter(batch=batch).exists() and not mail.outbox
    assert "is archived" in Notification.objects.get(title="Inviting many to Acme stopped").body


def test_what_is_confirmed_twice_or_after_others_were_faster_is_done_once(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia, "ann@example.test,viewer\nbea@example.test,viewer\n")
    invite(tenant=cast.acme, email="ann@example.test", role="viewer", by=cast.olivia)
    address = f"/tenants/acme/invitations/lists/{batch.pk}/confirm/"
    assert olivia.post(address).status_code == 302
    assert olivia.post(address).status_code == 409
    work_off(batch)
    assert Invitation.objects.filter(batch=batch).count() == 1 and batch.state == "done"


def test_stopped_who_has_no_mail_is_not_invited(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    olivia.post(f"/tenants/acme/invitations/lists/{batch.pk}/confirm/")
    olivia.post(f"/tenants/acme/invitations/lists/{batch.pk}/cancel/")
    work_off(batch)
    assert not mail.outbox
    assert not Invitation.objects.open().filter(batch=batch).exists()


def test_a_worker_that_died_with_mails_in_hand_loses_none(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    invite_many.confirm(batch=batch, by=cast.olivia)
    assert invite_many.go_on(batch.pk)
    claimed = invitation_sending._claim(invitation_sending.due().filter(batch=batch))
    assert len(claimed) == 3, "somebody took all of them and died"
    invite_many.go_on(batch.pk)
    assert not mail.outbox
    Invitation.objects.filter(batch=batch).update(last_sent_at=timezone.now() - dt.timedelta(minutes=2))
    work_off(batch)
    assert len(mail.outbox) == 3 and batch.state == "done"


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_list_that_is_forgotten_while_a_worker_takes_it_up_is_let_go(
    cast: Cast, olivia: Client, is_confirmed: bool
) -> None:
    batch = invite_many.plan(tenant=cast.acme, lines=["ann@example.test,viewer"], by=cast.olivia)
    if is_confirmed:
        invite_many.go_on(batch.pk)
        invite_many.confirm(batch=batch, by=cast.olivia)
    looked: list[str] = []

    def forget(execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if not looked:
            looked.append(sql)
            InvitationBatch.objects.filter(pk=batch.pk).delete()
        return answer

    with connection.execute_wrapper(forget):
        assert not invite_many.go_on(batch.pk)
    assert looked and not Invitation.objects.filter(email="ann@example.test").exists()


def test_a_list_that_is_forgotten_while_somebody_looks_at_it_is_missing(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    InvitationBatch.objects.all().delete()
    for verb in (invite_many.confirm, invite_many.cancel):
        with pytest.raises(Missing):
            verb(batch=batch, by=cast.olivia)


def test_an_admin_makes_no_owner_by_a_list(cast: Cast) -> None:
    from tenants.memberships import add_member

    add_member(tenant=cast.acme, user=cast.dev, role="admin", by=cast.olivia)
    batch = sent(signed_in(cast.dev), "ann@example.test,owner\n")
    assert batch.total == 0 and "Only an owner" in page(signed_in(cast.dev), batch)


def test_foreign_lists_do_not_exist(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    greta = signed_in(cast.greta)
    for slug in ("acme", "globex"):
        place = f"/tenants/{slug}/invitations/lists/{batch.pk}/"
        assert greta.get(place).status_code == 404
        assert greta.post(f"{place}confirm/").status_code == 404
    assert greta.get(f"/api/invitation-lists/{batch.pk}/").status_code == 404


def test_the_api_reads_first_and_confirms_when_told(cast: Cast, olivia: Client) -> None:
    body = {"tenant": "acme", "csv": "ann@example.test,viewer\nnobody,viewer\n"}
    taken = olivia.post("/api/invitation-lists/", body, "application/json")
    assert (taken.status_code, taken.json()["state"], taken.json()["rows"]) == (202, "reading", [])
    work_off(InvitationBatch.objects.get())
    read = olivia.get(taken["Location"]).json()
    assert (read["state"], read["will_be_invited"], read["left_out"]) == ("planned", 1, 1)
    assert [row["outcome"] for row in read["rows"]] == ["invite", "bad_address"]
    done = olivia.post(f"{taken['Location']}confirm/", {}, "application/json")
    assert (done.status_code, done["Location"], done.json()["state"]) == (202, taken["Location"], "inviting")
    work_off(InvitationBatch.objects.get())
    assert olivia.get(taken["Location"]).json()["state"] == "done"
    body = {"tenant": "acme", "csv": "bea@example.test,viewer", "dry_run": False}
    at_once = olivia.post("/api/invitation-lists/", body, "application/json")
    assert (at_once.status_code, at_once.json()["state"]) == (202, "reading")
    work_off(InvitationBatch.objects.get(state="reading"))
    assert sorted(message.to[0] for message in mail.outbox) == ["ann@example.test", "bea@example.test"]
    assert olivia.get(at_once["Location"]).json()["done"] == 1
