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

from tenants import invite_many
from tenants.arrivals import Invitation, InvitationBatch
from tenants.invitation_list import MOST_ROWS
from tenants.invite import invite
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
    return InvitationBatch.objects.get(pk=place["Location"].split("/")[-2])


def page(client: Client, batch: InvitationBatch, more: str = "") -> str:
    answer = client.get(f"/tenants/acme/invitations/lists/{batch.pk}/{more}")
    assert answer.status_code == 200
    return answer.content.decode()


def work_off(batch: InvitationBatch) -> None:
    """What the worker does, task by task."""
    while invite_many.send_slice(batch.pk):
        pass
    batch.refresh_from_db()


def test_it_works(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    shown = page(olivia, batch)
    assert "3 of 9 will be invited" in shown and not mail.outbox
    assert Invitation.objects.count() == 1, "nobody was invited by reading"
    olivia.post(f"/tenants/acme/invitations/lists/{batch.pk}/confirm/")
    assert "every 1s" in page(olivia, batch)
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


def test_fifty_thousand_lines_are_a_few_questions(cast: Cast, olivia: Client) -> None:
    lines = (f"p{n}@{'example.test' if n % 7 else 'exa mple'},viewer\n" for n in range(MOST_ROWS))
    with CaptureQueriesContext(connection) as asked:
        batch = invite_many.plan(tenant=cast.acme, lines=lines, by=cast.olivia)
    assert batch.total + batch.left_out == MOST_ROWS and batch.left_out == 7143
    assert len(asked) <= 12
    with CaptureQueriesContext(connection) as asked:
        invite_many.confirm(batch=batch, by=cast.olivia)
    assert len(asked) <= 40
    assert Invitation.objects.filter(batch=batch).count() == batch.total
    one_more = (f"p{n}@example.test,viewer\n" for n in range(MOST_ROWS + 1))
    with pytest.raises(Exception, match="at most 50,000"):
        invite_many.plan(tenant=cast.acme, lines=one_more, by=cast.olivia)


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
    assert not invite_many.send_slice(batch.pk) and not mail.outbox
    assert not Invitation.objects.open().filter(batch=batch).exists()


def test_a_worker_that_died_with_mails_in_hand_loses_none(cast: Cast, olivia: Client) -> None:
    batch = sent(olivia)
    invite_many.confirm(batch=batch, by=cast.olivia)
    assert len(invite_many._claim(invite_many._unsent(batch.pk))) == 3, "somebody took all of them and died"
    invite_many.send_slice(batch.pk)
    assert not mail.outbox
    Invitation.objects.filter(batch=batch).update(last_sent_at=timezone.now() - dt.timedelta(minutes=2))
    work_off(batch)
    assert len(mail.outbox) == 3 and batch.state == "done"


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
    read = olivia.post("/api/invitation-lists/", body, "application/json").json()
    assert (read["state"], read["will_be_invited"], read["left_out"]) == ("planned", 1, 1)
    assert [row["outcome"] for row in read["rows"]] == ["invite", "bad_address"]
    done = olivia.post(f"/api/invitation-lists/{read['id']}/confirm/", {}, "application/json").json()
    assert done["state"] == "running"
    assert olivia.get(f"/api/invitation-lists/{read['id']}/").json()["will_be_invited"] == 1
    body = {"tenant": "acme", "csv": "bea@example.test,viewer", "dry_run": False}
    assert olivia.post("/api/invitation-lists/", body, "application/json").json()["state"] == "running"
