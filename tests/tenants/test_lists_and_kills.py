"""Workers are killed at every step of a list of invitations, and who sends one again: whoever comes next goes on, and
all is done once."""

from __future__ import annotations

import datetime as dt
import quopri
import re
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from audit.models import Entry
from audit.verify import verify
from tenants import invite_many
from tenants.arrivals import Invitation, InvitationBatch
from tenants.invite import invite
from tenants.models import Notification
from tenants.secrets import keyed_hash
from tests.cast import Cast
from tests.killing import killed_everywhere


def listed(cast: Cast, number: int) -> UUID:
    """One of several lists, alike but for a number in the addresses; one is of somebody who has an account."""
    people = [f"{name}.{number}@example.test" for name in ("ann", "bea", "cem")]
    cast.ned.email = people[0]
    cast.ned.save()
    lines = [*(f"{person},viewer\n" for person in people), "nobody,viewer\n"]
    return invite_many.plan(tenant=cast.acme, lines=lines, by=cast.olivia, is_confirmed=True).pk


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_any_step_is_followed_by_one_that_ends_it_once(cast: Cast, tmp_path: Path) -> None:
    done = killed_everywhere("tests.tenants.at_work:INVITING", tmp_path, lambda number: listed(cast, number))
    sites = {site for killed in done for site in killed.sites}
    for place in ("reading after 0", "inviting after 0", "inviting after 2", "running after 3"):
        for moment in ("before", "after"):
            assert f"{place} lines and 0 mails: {moment} a commit, 1" in sites
    assert "running after 3 lines and 0 mails: writing to #-#-#.jsonl, 1" in sites
    mails = Counter(re.findall(r"^To: (.+)$", "".join(f.read_text() for f in (tmp_path / "mails").iterdir()), re.M))
    for killed in done:
        batch = InvitationBatch.objects.get(pk=killed.key)
        assert (batch.state, batch.total, batch.done, batch.left_out, batch.rows) == ("done", 3, 3, 1, []), killed
        people = sorted(Invitation.objects.filter(batch=batch).values_list("email", "sent_count"))
        assert [count for _, count in people] == [1, 1, 1], killed
        # Somebody was killed once with each mail in hand at most: the server had it, and nobody wrote that down.
        not_noted = [site for site in killed.sites if "running" in site and 'UPDATE of "tenants_invitation"' in site]
        assert sum(mails[person] for person, _ in people) <= 3 + len(not_noted), (mails, killed)
        assert all(1 <= mails[person] <= 2 for person, _ in people), (mails, killed)
        assert Entry.objects.filter(verb="invitations.sent", subject_id=str(batch.pk)).count() == 1, killed
        assert Notification.objects.filter(user=cast.olivia, path=batch.get_absolute_url()).count() == 1, killed
    assert all(mails[person] == 1 for person, _ in people), "over the last nobody was killed"
    told = Notification.objects.filter(user=cast.ned, title="Olivia invites you to Acme")
    assert told.count() == len(done)
    assert verify().is_intact


def sent_long_ago(cast: Cast, number: int) -> UUID:
    sent = invite(tenant=cast.acme, email=f"dan.{number}@example.test", role="viewer", by=cast.olivia)
    Invitation.objects.filter(pk=sent.invitation.pk).update(last_sent_at=timezone.now() - dt.timedelta(hours=1))
    return sent.invitation.pk


@pytest.mark.django_db(transaction=True)
def test_who_is_killed_while_they_send_one_again_leaves_nobody_without_a_link(cast: Cast, tmp_path: Path) -> None:
    done = killed_everywhere(
        "tests.tenants.at_work:SENDING_AGAIN", tmp_path, lambda number: sent_long_ago(cast, number)
    )
    sites = {site for killed in done for site in killed.sites}
    for site in ("before a commit, 1", "after a commit, 1"):
        assert f"1 mails, none due: {site}" in sites
    assert "1 mails, one due: writing to #-#-#.jsonl, 1" in sites
    mails = "".join(quopri.decodestring(file.read_bytes()).decode() for file in (tmp_path / "mails").iterdir())
    links = {keyed_hash(secret) for secret in re.findall(r"/invitations/(\w+)/", mails)}
    for killed in done:
        row = Invitation.objects.get(pk=killed.key)
        assert (row.state, row.sent_count, row.mail_due, row.undelivered) == ("invited", 2, False, ""), killed
        assert Entry.objects.filter(verb="invitation.resent", subject_id=str(row.pk)).count() == 1, killed
        assert row.secret_hash in links, f"no mail has the link that works: {killed}"
        not_noted = [site for site in killed.sites if "one due" in site and 'UPDATE of "tenants_invitation"' in site]
        assert 1 <= len(re.findall(f"^To: {row.email}$", mails, re.M)) <= 1 + len(not_noted), killed
