"""Invitations: sent, sent again, withdrawn, accepted, declined, and what of it is refused."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from audit.models import Entry
from tenants.arrivals import Invitation
from tenants.invitation_mail import send
from tenants.invite import Sent, invite, resend
from tenants.invite_many import resume
from tenants.memberships import add_member, remove_member
from tenants.models import Membership, Notification, User
from tests.cast import PASSWORD, Cast, person

NEW = "/tenants/acme/invitations/new/"


class Overtaken(EmailBackend):
    """A mail server that thinks so long before it refuses a mail that the invitation is sent again meanwhile."""

    def send_messages(self, messages: Any) -> int:
        Invitation.objects.update(last_sent_at=None)
        resend(invitation=Invitation.objects.get(), by=User.objects.get(username="olivia"))
        raise ValueError("no")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked(cast: Cast, email: str = "ned@example.test", role: str = "developer", by: User | None = None) -> Sent:
    return invite(tenant=cast.acme, email=email, role=role, by=by or cast.olivia)


def path_of(sent: Sent) -> str:
    return f"/invitations/{sent.secret}/"


def answer_of(client: Client, sent: Sent, verb: str = "accept") -> int:
    return client.post(f"/invitations/{sent.invitation.pk}/{verb}/").status_code


def role_of(user: User) -> str:
    return Membership.objects.filter(tenant__slug="acme", user=user).values_list("role", flat=True).first() or ""


def test_it_works(cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    owner, ned = signed_in(cast.olivia), signed_in(cast.ned)
    with django_capture_on_commit_callbacks(execute=True):
        sent = owner.post(NEW, {"email": "Ned@Example.test", "role": "developer", "once": "one"}).content.decode()
    link = re.search(r"http://[^/]+(/invitations/\w+/)", sent)
    assert link and link[1] in mail.outbox[0].body and mail.outbox[0].to == ["ned@example.test"]
    assert "Olivia invites you to Acme" in mail.outbox[0].subject
    assert "ned@example.test" in owner.get("/tenants/acme/members/").content.decode()

    assert "You are invited" in ned.get("/").content.decode()
    page = ned.get(link[1]).content.decode()
    assert "Join Acme" in page and "Developer" in page and "Olivia" in page
    invitation = Invitation.objects.get()
    assert ned.post(f"/invitations/{invitation.pk}/accept/").headers["Location"] == "/tenants/acme/"
    assert role_of(cast.ned) == "developer" and ned.get("/tenants/acme/").status_code == 200
    assert Membership.objects.get(user=cast.ned).created_by == cast.olivia
    assert Notification.objects.filter(user=cast.olivia, title="Ned joined Acme as Developer").exists()
    verbs = ["invitation.sent", "membership.added", "invitation.accepted"]
    assert [e.verb for e in Entry.objects.filter(tenant="acme").order_by("pk")][-3:] == verbs
    assert "was accepted already" in ned.get(link[1]).content.decode()


def test_who_has_no_account_makes_one_and_comes_back(cast: Cast, settings: Settings) -> None:
    settings.DEMONSTRATION = settings.OPEN_SIGNUP = False
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    sent, client = asked(cast, "zoe@example.test"), Client()
    assert "made by invitation" in client.get("/accounts/signup/").content.decode()
    page = client.get(path_of(sent)).content.decode()
    assert "Make an account" in page and "Accept and join" not in page
    assert not {told for told in ("Acme", "zoe", "Olivia", "Developer") if told in page}, (
        "the link may be in other hands"
    )
    given = {"username": "zoe", "password1": PASSWORD, "password2": PASSWORD, "next": path_of(sent)}
    refused = client.post("/accounts/signup/", given | {"email": "other@example.test"})
    assert "another address" in refused.content.decode() and not User.objects.filter(username="zoe").exists()
    made = client.post("/accounts/signup/", given | {"email": "zoe@example.test"})
    assert made.headers["Location"] == path_of(sent)
    assert answer_of(client, sent) == 302 and role_of(User.objects.get(username="zoe")) == "developer"
    assert "made by invitation" in Client().get("/accounts/signup/").content.decode()


def test_an_address_that_was_given_and_not_confirmed_lets_nobody_in(cast: Cast, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    sent = asked(cast)
    address = EmailAddress.objects.create(user=cast.ned, email="ned@example.test", verified=False, primary=True)
    page = signed_in(cast.ned).get(path_of(sent))
    assert page.status_code == 403 and "not confirmed" in page.content.decode()
    assert answer_of(signed_in(cast.ned), sent) == 403 and role_of(cast.ned) == ""
    address.verified = True
    address.save()
    assert answer_of(signed_in(cast.ned), sent) == 302 and role_of(cast.ned) == "developer"


def test_somebody_else_with_the_link_is_refused_and_learns_nothing(cast: Cast) -> None:
    sent = asked(cast)
    greta = signed_in(cast.greta)
    page = greta.get(path_of(sent))
    text = page.content.decode()
    assert page.status_code == 403 and "is for somebody else" in text
    assert "Acme" not in text and "Olivia" not in text and "ned@" not in text
    assert answer_of(greta, sent) == 404 and answer_of(greta, sent, "decline") == 404
    assert answer_of(signed_in(cast.ned), sent) == 302  # nothing was used up


def test_a_second_address_that_is_confirmed_counts(cast: Cast) -> None:
    EmailAddress.objects.create(user=cast.greta, email="g@elsewhere.test", verified=True)
    sent = asked(cast, "g@elsewhere.test", "viewer")
    assert answer_of(signed_in(cast.greta), sent) == 302 and role_of(cast.greta) == "viewer"


@pytest.mark.parametrize("token", ["x", "atrium_invite_0000_x", "%00", "atrium_pat_" + "0" * 12 + "_" + "0" * 38])
def test_a_link_that_is_none_is_answered_with_what_to_do(cast: Cast, token: str) -> None:
    page = Client().get(f"/invitations/{token}/")
    assert page.status_code == 404 and "newest mail" in page.content.decode()


def test_a_link_that_has_expired_says_so_and_can_be_sent_again(cast: Cast) -> None:
    sent = asked(cast)
    long_ago = timezone.now() - dt.timedelta(days=8)
    Invitation.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1), last_sent_at=long_ago)
    page = Client().get(path_of(sent))
    assert page.status_code == 409 and "has expired" in page.content.decode() and "Acme" not in page.content.decode()
    assert answer_of(signed_in(cast.ned), sent) == 409 and role_of(cast.ned) == ""
    renewed = signed_in(cast.olivia).post(f"/tenants/acme/invitations/{sent.invitation.pk}/resend/")
    assert renewed.status_code == 200 and "/invitations/atrium_invite_" in renewed.content.decode()
    assert Client().get(path_of(sent)).status_code == 404  # the old link is dead
    assert answer_of(signed_in(cast.ned), sent) == 302


def test_who_was_invited_and_let_it_expire_is_invited_anew(cast: Cast) -> None:
    asked(cast)
    Invitation.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    again = asked(cast, role="viewer")
    assert answer_of(signed_in(cast.ned), again) == 302 and role_of(cast.ned) == "viewer"


def test_it_is_not_sent_twice_within_a_minute(cast: Cast) -> None:
    sent = asked(cast)
    answer = signed_in(cast.olivia).post(f"/tenants/acme/invitations/{sent.invitation.pk}/resend/")
    assert answer.status_code == 429 and "a moment ago" in answer.content.decode()
    assert Client().get(path_of(sent)).status_code == 200


def test_a_withdrawn_one_opens_nothing(cast: Cast) -> None:
    sent, owner = asked(cast), signed_in(cast.olivia)
    for _ in range(2):
        assert owner.post(f"/tenants/acme/invitations/{sent.invitation.pk}/withdraw/").status_code == 302
    assert "was withdrawn" in Client().get(path_of(sent)).content.decode()
    assert answer_of(signed_in(cast.ned), sent) == 409 and role_of(cast.ned) == ""
    assert owner.post(f"/tenants/acme/invitations/{sent.invitation.pk}/resend/").status_code == 409


def test_declining_tells_who_invited(cast: Cast) -> None:
    sent, ned = asked(cast), signed_in(cast.ned)
    assert answer_of(ned, sent, "decline") == answer_of(ned, sent, "decline") == 302
    assert answer_of(ned, sent) == 409 and role_of(cast.ned) == ""
    assert Notification.objects.filter(user=cast.olivia, title__contains="declined").count() == 1
    assert answer_of(signed_in(cast.ned), asked(cast)) == 302  # and may be asked again


def test_a_member_is_not_invited_and_one_who_became_a_member_is_told(cast: Cast) -> None:
    owner = signed_in(cast.olivia)
    told = owner.post(NEW, {"email": "dev@example.test", "role": "admin", "once": "one"})
    assert told.status_code == 422 and "Dev is a member already, as developer" in told.content.decode()
    sent = asked(cast)
    add_member(tenant=cast.acme, user=cast.ned, role="viewer", by=cast.olivia)
    answer = signed_in(cast.ned).post(f"/invitations/{sent.invitation.pk}/accept/")
    assert answer.status_code == 409 and "a member of Acme already, as Viewer" in answer.content.decode()
    assert role_of(cast.ned) == "viewer"


@pytest.mark.parametrize(
    ("given", "told"),
    [({"email": "nobody"}, "is not an e-mail address"), ({"email": "a@b.test\nBcc: c@d.test"}, "is not an e-mail"),
     ({"email": f"{'x' * 64}@{'y' * 250}.test"}, "at most 254"), ({"role": "king"}, "Select a valid choice"),
     ({"email": "ned@example.test"}, "is invited already")],
)  # fmt: skip
def test_what_was_typed_wrong_is_said_and_kept(cast: Cast, given: dict[str, str], told: str) -> None:
    asked(cast)
    page = signed_in(cast.olivia).post(NEW, {"email": "new@example.test", "role": "viewer", "once": "one"} | given)
    text = page.content.decode()
    assert page.status_code == 422 and told in text and Invitation.objects.count() == 1
    assert "email" not in given or given["email"].split("\n")[0] in text


def test_a_form_sent_twice_invites_once(cast: Cast) -> None:
    owner = signed_in(cast.olivia)
    form = {"email": "ned@example.test", "role": "viewer", "once": "one"}
    assert [owner.post(NEW, form).status_code for _ in range(2)] == [200, 302]
    assert Invitation.objects.count() == 1


def test_nobody_invites_into_a_role_that_they_may_not_give(cast: Cast) -> None:
    adam = person("adam")
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    admin = signed_in(adam)
    assert admin.post(NEW, {"email": "x@example.test", "role": "owner", "once": "1"}).status_code == 422
    assert admin.post(NEW, {"email": "x@example.test", "role": "admin", "once": "2"}).status_code == 200
    sent = asked(cast, role="owner")
    for verb in ("resend", "withdraw"):
        assert admin.post(f"/tenants/acme/invitations/{sent.invitation.pk}/{verb}/").status_code == 403
    for client in (signed_in(cast.dev), signed_in(cast.vera)):
        assert client.get("/tenants/acme/invitations/").status_code == 403


def test_an_invitation_gives_no_more_than_its_sender_may_still_give(cast: Cast) -> None:
    adam = person("adam")
    add_member(tenant=cast.acme, user=adam, role="owner", by=cast.olivia)
    sent = asked(cast, role="owner", by=adam)
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    answer = signed_in(cast.ned).post(f"/invitations/{sent.invitation.pk}/accept/")
    assert answer.status_code == 403 and "invite you again" in answer.content.decode() and role_of(cast.ned) == ""
    viewer = asked(cast, "zed@example.test", "viewer", by=adam)
    remove_member(membership=Membership.objects.get(user=adam), by=cast.olivia)
    assert answer_of(signed_in(person("zed")), viewer) == 403


def test_nobody_is_let_into_an_archived_tenant(cast: Cast) -> None:
    sent = asked(cast)
    cast.acme.archived_at = timezone.now()
    cast.acme.save()
    assert answer_of(signed_in(cast.ned), sent) == 409 and role_of(cast.ned) == ""
    assert "You are invited" not in signed_in(cast.ned).get("/").content.decode()


def test_a_mail_that_cannot_be_sent_is_said_and_undoes_nothing(
    cast: Cast, settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": 9, "timeout": 2},
        }
    }
    with django_capture_on_commit_callbacks(execute=True):
        asked(cast)
    assert Invitation.objects.get().undelivered == "ConnectionRefusedError"
    assert "Mail not sent" in signed_in(cast.olivia).get("/tenants/acme/members/").content.decode()


def test_a_mail_that_is_lost_with_its_process_is_sent_with_a_new_link(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        sent = asked(cast)
    mail.outbox.clear()
    for deed in (lambda: resend(invitation=sent.invitation, by=cast.olivia), lambda: asked(cast, "zoe@example.test")):
        Invitation.objects.update(last_sent_at=timezone.now() - dt.timedelta(minutes=2))
        lost = deed()  # what is to happen after the commit does not
        resume()
        assert not mail.outbox, "it may still be about to leave"
        Invitation.objects.update(last_sent_at=timezone.now() - dt.timedelta(minutes=2))
        resume()
        resume()
        (message,) = mail.outbox
        link = re.search(r"http://[^/]+(/invitations/\w+/)", str(message.body))
        assert link and message.to == [lost.invitation.email] and Client().get(link[1]).status_code == 200
        assert Client().get(path_of(lost)).status_code == 404
        mail.outbox.clear()
    assert dict(Invitation.objects.values_list("email", "sent_count")) == {"ned@example.test": 2, "zoe@example.test": 1}


def test_what_became_of_a_slow_mail_is_not_written_over_a_newer_one(cast: Cast, settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.Overtaken"}}
    sent = asked(cast)
    send(sent.invitation, sent.secret)
    row = Invitation.objects.get()
    assert (row.mail_due, row.sent_count, row.undelivered) == (True, 0, ""), "the newer mail has yet to leave"


def test_without_a_mail_server_no_mail_is_promised(cast: Cast, settings: Settings) -> None:
    olivia, given = signed_in(cast.olivia), {"email": "x@example.test", "role": "viewer", "once": "1"}
    path = "/tenants/acme/invitations/new/"
    assert "is on its way" in olivia.post(path, given, follow=True).content.decode()
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
    page = olivia.post(path, given | {"email": "y@example.test", "once": "2"}, follow=True).content.decode()
    assert "No mail server is configured here" in page and "is on its way" not in page


def test_the_api_does_the_same(cast: Cast) -> None:
    owner, ned = signed_in(cast.olivia), signed_in(cast.ned)
    given = {"tenant": "acme", "email": "ned@example.test", "role": "viewer"}
    head = {"Idempotency-Key": "k1"}
    made = owner.post("/api/invitations/", given, "application/json", headers=head).json()
    assert made["state"] == "invited" and Client().get(f"/invitations/{made['secret']}/").status_code == 200
    again = owner.post("/api/invitations/", given, "application/json", headers=head).json()
    assert (again["id"], again["secret"]) == (made["id"], None)
    assert [row["email"] for row in owner.get("/api/invitations/?tenant=acme&state=invited").json()["results"]] == [
        "ned@example.test"
    ]
    assert signed_in(cast.vera).get("/api/invitations/").json()["results"] == []
    mine = ned.get("/api/my-invitations/").json()
    assert [(one["tenant"], one["invited_by"]) for one in mine] == [("acme", "Olivia")]
    accepted = ned.post(f"/api/my-invitations/{made['id']}/accept/", content_type="application/json")
    assert accepted.json()["role"] == "viewer"
    assert owner.post(f"/api/invitations/{made['id']}/withdraw/", content_type="application/json").status_code == 409
    wrong = owner.post("/api/invitations/", given | {"tenant": "globex"}, "application/json")
    assert wrong.status_code == 404
