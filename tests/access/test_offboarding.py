"""A tenant leaves: nothing works any more, everything is handed out, then erased part by part, and certified."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connection
from django.db.models import Sum
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from access.asking import request_access
from access.models import Grant, Offboarding
from access.offboarding import erasing, exporting, job
from access.offboarding.beginning import DemonstrationLeavesOtherwise, LeavingAlready, NotLeaving, begin, call_off
from access.offboarding.preview import concerned
from approvals.models import Decision, Request
from approvals.sealing.verifying import verify, verify_all
from approvals.sending import send
from approvals.voting import vote
from audit.identifiers import uuid7
from audit.models import Entry
from audit.record import SYSTEM
from audit.verify import verify as verify_audit
from catalog.models import Route
from playground.models import Session
from tenants import archiving
from tenants.arrivals import InvitationBatch
from tenants.invite import invite
from tenants.keys import issue
from tenants.memberships import add_member
from tenants.models import ApiKey, Membership, Notification, Project, Tenant, User
from tenants.service_accounts import create
from tenants.structure import create_project, create_tenant
from tests.cast import Cast, route
from tests.killing import killed_everywhere
from tests.usage.ledger_lines import called
from usage.limits.budgets import set_budget
from usage.limits.places import of_tenant
from usage.models import Call, PlatformRollup, Rollup

State = Offboarding.State


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def fill(cast: Cast, made: Route | None = None) -> Cast:
    """Acme with something of most kinds, and Globex with a little."""
    made, place = made or route(), cast.environment()
    request = request_access(environment=place, route=made, purpose="Secret purpose", by=cast.dev)
    vote(review=request.reviews.get(), verdict="approve", comment="Fine", by=cast.rita)
    request_access(environment=cast.environment("test"), route=made, purpose="Never decided", by=cast.dev)
    issue(environment=place, name="job", by=cast.dev)
    batch = create(tenant=cast.acme, name="batch", by=cast.olivia)
    issue(environment=place, name="nightly", by=cast.dev, holder=batch)
    invite(tenant=cast.acme, email="new@example.test", role="viewer", by=cast.olivia)
    set_budget(place=of_tenant(cast.acme), amount=Decimal(5), by=cast.pat)
    for by in (cast.dev, cast.vera, None):
        called(place, by=by, cost=Decimal("1.5"), trace_id=uuid7())
    called(cast.environment(of=cast.foreign_project), by=cast.greta, cost=Decimal(7))
    return cast


@pytest.fixture
def used(cast: Cast) -> Cast:
    return fill(cast)


def packed(cast: Cast) -> Offboarding:
    made = begin(tenant=cast.acme, reason="The team was dissolved", by=cast.olivia)
    done = job.run(made.pk)
    assert done is not None and done.state == State.WAITING
    return done


def erased(cast: Cast) -> Offboarding:
    made = packed(cast)
    Offboarding.objects.filter(pk=made.pk).update(erase_after=timezone.now() - dt.timedelta(seconds=1))
    job.due()
    done = job.run(made.pk)
    assert done is not None and done.state == State.ERASED, done and done.error
    return done


@pytest.mark.django_db
def test_it_works(used: Cast) -> None:
    spent = Call.objects.aggregate(sum=Sum("cost"))["sum"]
    platform = PlatformRollup.objects.aggregate(sum=Sum("cost"))["sum"]
    done = erased(used)
    tenant = Tenant.objects.get(pk=used.acme.pk)
    assert (tenant.name, tenant.slug[:7]) == ("Erased tenant", "erased-")
    assert not Membership.objects.filter(tenant=tenant).exists() and not ApiKey.objects.exists()
    assert not Grant.objects.filter(tenant=tenant).exists() and not Session.objects.exists()
    project = Project.objects.get(tenant=tenant)
    assert (project.name, project.purpose) == ("Erased project", "")
    assert Call.objects.aggregate(sum=Sum("cost"))["sum"] == spent, "every cent is still there"
    assert Rollup.objects.aggregate(sum=Sum("cost"))["sum"] == spent
    assert PlatformRollup.objects.aggregate(sum=Sum("cost"))["sum"] == platform
    theirs = Call.objects.filter(tenant=tenant)
    assert {call.user for call in theirs} == {None} and len({call.user_label for call in theirs}) == 3
    assert all(call.user_label in ("",) or call.user_label.startswith("erased-") for call in theirs)
    assert {(call.request_id, call.trace_id) for call in theirs} == {("", None)}, "they are clients' own"
    told = {line["what"]: line["rows"] for line in done.certificate["erased"]}
    assert told["Take people, keys and messages out of the ledger"] == 3
    assert done.certificate["archive_sha256"] == done.export_sha256
    assert Entry.objects.get(verb="tenant.erased").facts["certificate"] == done.certificate


@pytest.mark.django_db
def test_other_tenants_are_untouched(used: Cast) -> None:
    before = list(Call.objects.filter(tenant=used.globex).values())
    members = list(Membership.objects.filter(tenant=used.globex).values())
    erased(used)
    assert list(Call.objects.filter(tenant=used.globex).values()) == before
    assert list(Membership.objects.filter(tenant=used.globex).values()) == members
    assert signed_in(used.greta).get("/tenants/globex/").status_code == 200


@pytest.mark.django_db
def test_what_boards_decided_is_kept_and_still_sealed(used: Cast) -> None:
    erased(used)
    request = Request.objects.get()
    assert request.reason == "Secret purpose" and Decision.objects.get().request == request
    sealed = verify(Decision.objects.get())
    assert sealed.fits_record and sealed.fits_audit


@pytest.mark.django_db
def test_what_was_sent_back_and_then_decided_is_kept_in_all_its_rounds(cast: Cast) -> None:
    asked = request_access(environment=cast.environment(), route=route(), purpose="Help customers", by=cast.dev)
    vote(review=asked.reviews.get(), verdict="send_back", comment="Which?", by=cast.rita)
    send(request=asked, by=cast.dev)
    vote(review=asked.reviews.get(outcome="open"), verdict="approve", comment="Fine", by=cast.rita)
    erased(cast)
    assert Request.objects.get().revisions.get().reason == "Help customers"
    assert verify_all().findings == []


@pytest.mark.django_db
def test_nothing_works_from_the_beginning_on(used: Cast) -> None:
    begin(tenant=used.acme, reason="Dissolved", by=used.olivia)
    assert not ApiKey.objects.usable().exists()
    assert not User.objects.get(username="svc.acme.batch").is_active
    assert Tenant.objects.get(pk=used.acme.pk).archived_at is not None
    told = signed_in(used.olivia).post("/api/tenants/acme/restore/", {}, "application/json")
    assert (told.status_code, told.json()["code"]) == (409, "tenant_leaves")
    with pytest.raises(LeavingAlready):
        begin(tenant=used.acme, reason="Again", by=used.olivia)
    assert Notification.objects.filter(user=used.dev, title="Acme leaves").exists()


@pytest.mark.django_db
def test_the_archive_holds_everything_that_is_its_own_and_no_secret(
    used: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PIECE_BYTES", 700)
    made = packed(used)
    assert {len(piece.content) for piece in made.pieces.all()[: made.export_bytes // 700]} == {700}
    olivia = signed_in(used.olivia)
    answer = olivia.get("/tenants/acme/offboarding/archive.zip")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(content) == made.export_bytes == int(answer["Content-Length"])
    archive = zipfile.ZipFile(io.BytesIO(content))
    counts = json.loads(archive.read("MANIFEST.json"))["rows"]
    assert counts["tenants.apikey"] == 2 and counts["usage.call"] == 3 and counts["people"] == 4
    keys = [json.loads(line) for line in archive.read("tenants.apikey.jsonl").splitlines()]
    assert {key["name"] for key in keys} == {"job", "nightly"} and all("secret_hash" not in key for key in keys)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Secret purpose" in everything and b"globex" not in everything.replace(b'"reach"', b"").lower()
    assert Entry.objects.get(verb="export.taken", tenant="acme").subject_label == "Archive of everything"


@pytest.mark.django_db
def test_it_can_be_called_off_until_erasing_begins(used: Cast) -> None:
    made = packed(used)
    olivia = signed_in(used.olivia)
    assert olivia.post("/tenants/acme/offboarding/call-off/").status_code == 302
    assert not made.pieces.exists()
    assert olivia.post("/tenants/acme/restore/").status_code == 302
    assert olivia.get("/tenants/acme/").status_code == 200
    assert not ApiKey.objects.usable().exists(), "its keys stay revoked"
    gone = erased(used)
    with pytest.raises(NotLeaving):
        call_off(offboarding=gone, by=used.pat)


@pytest.mark.django_db
def test_when_its_time_has_come_it_is_erased_at_once_and_not_offered_to_be_kept(used: Cast) -> None:
    made, olivia = packed(used), signed_in(used.olivia)
    kept = "until then it can be kept"
    assert kept in olivia.get("/tenants/acme/offboarding/").content.decode()
    assert job.due() == 0
    Offboarding.objects.filter(pk=made.pk).update(erase_after=timezone.now())
    assert job.due() == 1, "though it was packed a moment ago"
    page = olivia.get("/tenants/acme/offboarding/").content.decode()
    assert kept not in page and "Being erased" in page and "call-off" not in page


@pytest.mark.django_db
def test_nothing_is_erased_before_its_time(used: Cast, settings: Settings) -> None:
    made = packed(used)
    assert made.erase_after - made.requested_at == dt.timedelta(days=settings.ERASE_AFTER_DAYS)
    job.due()
    job.run(made.pk)
    made.refresh_from_db()
    assert made.state == State.WAITING and Membership.objects.filter(tenant=used.acme).exists()


@pytest.mark.django_db
def test_the_page_says_what_goes_and_what_stays_before_anything_happens(used: Cast) -> None:
    olivia = signed_in(used.olivia)
    page = olivia.get("/tenants/acme/offboarding/").content.decode()
    assert "2 working keys are revoked" in page and "Memberships" in page and "Every cent" not in page
    assert "what boards decided is kept on record" in page.lower()
    wrong = olivia.post("/tenants/acme/offboarding/", {"reason": "Dissolved", "confirm_name": "acm"})
    assert wrong.status_code == 422 and not Offboarding.objects.exists()
    assert olivia.post("/tenants/acme/offboarding/", {"reason": "Dissolved", "confirm_name": "acme"}).status_code == 302
    assert "Being packed" in olivia.get("/tenants/acme/offboarding/").content.decode()


@pytest.mark.django_db
def test_who_asked_reads_the_certificate_and_strangers_do_not(used: Cast) -> None:
    done = erased(used)
    page = signed_in(used.olivia).get(f"/offboardings/{done.pk}/")
    assert page.status_code == 200 and "Certificate of erasure" in page.content.decode()
    assert signed_in(used.olivia).get(f"/api/offboardings/{done.pk}/").json()["certificate"] == done.certificate
    assert signed_in(used.ada).get(f"/offboardings/{done.pk}/").status_code == 200
    text = page.content.decode()
    assert "Looked for too, and there was nothing:" in text and "Erase " not in text, "names of things, with how many"
    assert "calls, rollups: what was spent is kept for billing and audit" in text.lower()
    listed = {
        who: signed_in(getattr(used, who)).get("/api/offboardings/").json()["results"] for who in ("olivia", "ada")
    }
    assert [[each["id"] for each in rows] for rows in listed.values()] == [[str(done.pk)]] * 2
    for stranger in (used.greta, used.ned, used.dev):
        assert signed_in(stranger).get(f"/offboardings/{done.pk}/").status_code == 404
        assert signed_in(stranger).get("/api/offboardings/").json()["results"] == []
    assert signed_in(used.olivia).get("/tenants/acme/").status_code == 404


@pytest.mark.django_db
def test_the_short_name_is_free_again(used: Cast) -> None:
    erased(used)
    made = signed_in(used.pat).post(
        "/api/tenants/", {"slug": "acme", "name": "Acme again", "owner": "olivia"}, "application/json"
    )
    assert made.status_code == 201
    assert signed_in(used.olivia).get("/api/usage/calls/?tenant=acme").json()["results"] == []


@pytest.mark.django_db(transaction=True)
def test_the_ledger_changes_in_no_other_way(cast: Cast) -> None:
    fill(cast)
    for change in ("user_label = 'x'", "cost = 0"):
        with pytest.raises(ProgrammingError, match="Cannot update rows"), connection.cursor() as cursor:
            cursor.execute(f"UPDATE usage_call SET {change}")  # of the test's own words
    Tenant.objects.filter(pk=cast.acme.pk).update(erasing_since=timezone.now())
    with pytest.raises(ProgrammingError, match="Cannot update rows"), connection.cursor() as cursor:
        cursor.execute("UPDATE usage_call SET cost = 0, user_id = NULL WHERE tenant_id = %s", [cast.acme.pk])


@pytest.mark.django_db
def test_what_stops_is_told_and_can_be_tried_again(used: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    made = packed(used)
    Offboarding.objects.filter(pk=made.pk).update(erase_after=timezone.now())
    job.due()
    with monkeypatch.context() as patched:
        patched.setattr(erasing, "_calls", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            job.run(made.pk)
    made.refresh_from_db()
    assert made.state == State.FAILED and "ZeroDivisionError" in made.error
    assert Notification.objects.filter(user=used.pat, title="The leaving of Acme stopped").exists()
    job.retry(offboarding=made, by=used.pat)
    done = job.run(made.pk)
    assert done is not None and done.state == State.ERASED


@pytest.mark.django_db
def test_an_archived_one_may_leave_too_and_one_of_the_demonstration_leaves_with_it(cast: Cast) -> None:
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    assert begin(tenant=cast.acme, reason="Dissolved", by=cast.olivia).state == State.EXPORTING
    shown = create_tenant(slug="shown", name="Shown", owner=cast.olivia, by=cast.pat, is_demonstration=True)
    with pytest.raises(DemonstrationLeavesOtherwise):
        begin(tenant=shown, reason="Dissolved", by=cast.olivia)
    page = signed_in(cast.olivia).get("/tenants/shown/offboarding/").content.decode()
    assert "atrium demo --remove" in page and "<textarea" not in page, "said before anything is filled in"


@pytest.mark.django_db
def test_what_goes_is_listed_by_names_that_people_read(cast: Cast) -> None:
    issue(environment=cast.environment(), name="job", by=cast.dev)
    InvitationBatch.objects.create(tenant=cast.acme, created_by=cast.olivia)
    names = {name for name, _ in concerned(cast.acme).going}
    assert all(count for _, count in concerned(cast.acme).going) and "playground sessions" not in names
    assert {"API keys", "lists of invitations"} <= names


def leaving(cast: Cast, number: int) -> Offboarding:
    """One of several tenants that leave and may be erased at once, alike but for the name."""
    slug = ("north", "south", "east", "west", "uphill", "seaside", "lowland", "island")[number]
    tenant = create_tenant(slug=slug, name=slug.title(), owner=cast.olivia, by=SYSTEM)
    add_member(tenant=tenant, user=cast.dev, role="developer", by=cast.olivia)
    project = create_project(tenant=tenant, slug="chat", name="Chat", by=cast.olivia)
    fill(replace(cast, acme=tenant, project=project), Route.objects.first())
    return begin(tenant=tenant, reason="Dissolved", by=cast.olivia)


def ended(made: Offboarding) -> dict[str, Any]:
    """What a leaving makes and leaves, counted."""
    made.refresh_from_db()
    told = Notification.objects.filter(user=made.requested_by, title__contains=made.name)
    return {
        "state": made.state,
        "parts": [line["part"] for line in made.progress] == [part.slug for part in erasing.parts()],
        "rows": [line["rows"] for line in made.progress],
        "certified": [line["rows"] for line in made.certificate["erased"]] == [line["rows"] for line in made.progress],
        "audit": sorted(Entry.objects.filter(tenant=made.slug, verb__in=WRITTEN).values_list("verb", flat=True)),
        "told": sorted(told.values_list("title", flat=True)),
        "pieces": made.pieces.count(),
        "calls": Call.objects.filter(tenant=made.tenant).count(),
        "in totals": Rollup.objects.filter(tenant=made.tenant).aggregate(sum=Sum("calls"))["sum"],
        "keys": ApiKey.objects.filter(tenant=made.tenant).count(),
    }


NOTED = ("waiting after 0 parts", "erasing after 0 parts", f"erased after {len(erasing.parts())} parts")
WRITTEN = ["tenant.erased", "tenant.erasing", "tenant.packed"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_any_step_is_followed_by_one_that_ends_it_once(
    cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    """At every statement, commit and file, from packing to the certificate, over one tenant after the other."""
    settings.ERASE_AFTER_DAYS = 0
    route()
    done = killed_everywhere("tests.access.at_work:LEAVING", tmp_path, lambda number: leaving(cast, number).pk)
    sites = [site for killed in done for site in killed.sites]
    places = [f"erasing after {number} parts" for number in range(len(erasing.parts()) + 1)]
    for place in ("exporting after 0 parts", *places):
        assert {f"{place}: {moment} a commit, 1" for moment in ("before", "after")} <= {*sites}
    assert {f"{state}: writing to #-#-#.jsonl, 1" for state in NOTED} <= {*sites}
    undisturbed = Offboarding.objects.get(pk=done[-1].key)
    for killed in done:
        made = Offboarding.objects.get(pk=killed.key)
        assert ended(made) == {
            "rows": [line["rows"] for line in undisturbed.progress],
            "state": State.ERASED, "parts": True, "certified": True, "audit": WRITTEN, "pieces": 0, "calls": 3,
            "in totals": 3, "keys": 0, "told": [f"{made.name} is erased"],
        }, killed  # fmt: skip
    assert verify_audit().is_intact
