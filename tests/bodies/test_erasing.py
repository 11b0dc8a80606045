"""Content goes: when its time is over, when a policy is tightened, when somebody asks for it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from audit.record import SYSTEM
from refusals.errors import Invalid
from tests.bodies.contents import content_of, record
from tests.cast import Cast
from tests.usage.ledger_lines import called
from usage.bodies.enforcing import enforce
from usage.bodies.erasing import erase_all, erase_call, erase_end_user, erase_key
from usage.bodies.keeping import Keeping
from usage.bodies.packing import contents_of, rotate_keys
from usage.bodies.reading import opened_of
from usage.bodies.setting import remove_retention, set_bound, set_retention
from usage.bodies.storing import store
from usage.bodies.tables import Body, BodyKey, Erasure
from usage.limits.places import of_environment, of_project, of_tenant
from usage.models import Call

pytestmark = pytest.mark.django_db
BOTH = Keeping(prompts=True, answers=True)


def keep(cast: Cast, keeping: Keeping) -> None:
    set_retention(place=of_environment(cast.environment()), keeping=keeping, by=cast.olivia)


def test_what_is_over_goes_and_is_counted(cast: Cast) -> None:
    keep(cast, BOTH)
    content_of(called(cast.environment()))
    over = content_of(called(cast.environment()))
    Body.objects.filter(pk=over.pk).update(erase_at=timezone.now())
    assert enforce() == 1 and Body.objects.count() == 1 and Call.objects.count() == 2
    facts = Entry.objects.get(verb="bodies.expired").facts
    assert (facts["time_over"], facts["by_policy"]) == (1, 0)
    assert enforce() == 0 and Entry.objects.filter(verb="bodies.expired").count() == 1


def test_a_tightened_policy_takes_away_what_it_no_longer_allows(cast: Cast) -> None:
    keep(cast, BOTH)
    content_of(called(cast.environment(), days_ago=5))
    content_of(called(cast.environment(), days_ago=1))
    keep(cast, Keeping(prompts=True, answers=True, days=3))
    assert enforce() == 1
    [left] = Body.objects.all()
    assert left.erase_at == left.started_at + dt.timedelta(days=3)
    keep(cast, Keeping(answers=True, days=3))
    assert enforce() == 1
    opened = opened_of(Body.objects.get())
    assert opened.prompt is None and opened.answer
    keep(cast, Keeping(answers=True, days=3, only_failed=True))
    assert enforce() == 1 and not Body.objects.exists()


def test_a_policy_without_pictures_takes_away_what_was_asked_with_some(cast: Cast) -> None:
    keep(cast, Keeping(prompts=True, answers=True, media=True))
    plain, pictured = called(cast.environment()), called(cast.environment())
    content_of(plain)
    content_of(pictured, has_media=True)
    assert enforce() == 0
    keep(cast, BOTH)
    assert enforce() == 1 and enforce() == 0
    assert opened_of(Body.objects.get(pk=plain.pk)).prompt
    opened = opened_of(Body.objects.get(pk=pictured.pk))
    assert opened.prompt is None and opened.answer


def test_a_loosened_policy_keeps_nothing_longer_than_was_said(cast: Cast) -> None:
    keep(cast, Keeping(prompts=True, days=3))
    before = content_of(called(cast.environment()), days=3).erase_at
    keep(cast, BOTH)
    enforce()
    assert Body.objects.get().erase_at == before


def test_the_platforms_bound_takes_away_too(cast: Cast) -> None:
    keep(cast, BOTH)
    content_of(called(cast.environment()))
    set_bound(kind="development", is_allowed=False, most_days=30, by=cast.pat)
    assert enforce() == 1 and not Body.objects.exists()


def test_the_nearest_statement_counts(cast: Cast) -> None:
    place = of_environment(cast.environment())
    set_retention(place=of_tenant(cast.acme), keeping=BOTH, by=cast.olivia)
    set_retention(place=of_project(cast.project), keeping=Keeping(), by=cast.olivia)
    content_of(called(cast.environment()))
    assert enforce() == 1, "the project says that nothing is kept"
    remove_retention(place=of_project(cast.project), by=cast.olivia)
    content_of(called(cast.environment()))
    assert enforce() == 0, "what the tenant says counts again"
    told = Client()
    told.force_login(cast.vera)
    lines = {each["place"]: each for each in told.get("/api/retention/?tenant=acme").json()}
    assert lines[place.path]["source"] == "acme" and lines[place.path]["keeping"]["keep"] == "both"


def test_one_call_is_erased_and_does_not_come_back(cast: Cast) -> None:
    call, other = called(cast.environment()), called(cast.environment())
    late = record(call)
    content_of(call)
    content_of(other)
    made = erase_call(call=call, reason="Asked for it", by=cast.olivia)
    assert made.contents == 1 and Body.objects.get().pk == other.pk
    assert store([late]) == 0, "it was on its way"
    assert Entry.objects.get(verb="bodies.erased").facts["reason"] == "Asked for it"


def test_all_of_a_key_is_erased(cast: Cast) -> None:
    call = called(cast.environment())
    late = record(call)
    content_of(called(cast.environment(), key_prefix="atrium_dev_other0000000"))
    content_of(call)
    assert erase_key(tenant=cast.acme, key_prefix=call.key_prefix, reason="Leaked", by=cast.olivia).contents == 1
    assert store([late]) == 0 and Body.objects.count() == 1


def test_all_for_an_end_user_is_erased_and_nowhere_is_written_who_that_is(cast: Cast) -> None:
    call = called(cast.environment())
    late = record(call, end_user="anna@example.test")
    content_of(call, end_user="anna@example.test")
    content_of(called(cast.environment()), end_user="otto@example.test")
    made = erase_end_user(tenant=cast.acme, end_user="anna@example.test", reason="Asked", by=cast.olivia)
    assert made.contents == 1 and store([late]) == 0 and Body.objects.count() == 1
    written = [str(Entry.objects.values_list("facts", flat=True)), str(list(Erasure.objects.values()))]
    assert not any("anna" in each for each in written)
    assert store([record(called(cast.environment()), end_user="anna@example.test")]) == 1, "from now on it is kept"


def test_everything_goes_with_its_key(cast: Cast) -> None:
    keep(cast, BOTH)
    call = called(cast.environment())
    late, copy = record(call), content_of(call)
    before = BodyKey.objects.get()
    erase_all(tenant=cast.acme, reason="Contract ends", by=cast.olivia)
    assert not Body.objects.exists() and store([late]) == 0
    assert BodyKey.objects.get().pk != before.pk, "what is kept from now on has another"
    Body.objects.bulk_create([copy])  # as from a copy of the database
    Body.objects.update(key=BodyKey.objects.get())
    with pytest.raises(Exception, match="cannot be opened"):
        opened_of(Body.objects.get())


def test_an_erasure_says_why(cast: Cast) -> None:
    with pytest.raises(Invalid):
        erase_all(tenant=cast.acme, reason=" ", by=cast.olivia)


def test_the_pages_do_it_too(cast: Cast) -> None:
    call = called(cast.environment())
    content_of(call, end_user="customer 7")
    olivia = Client()
    olivia.force_login(cast.olivia)
    form = {"of": "tenant", "subject": "globex", "reason": "All of it"}
    assert olivia.post("/tenants/acme/content/erase/", form).status_code == 422 and Body.objects.exists()
    form = {"of": "end_user", "subject": "customer 7", "reason": "Asked for it"}
    assert olivia.post("/tenants/acme/content/erase/", form).status_code == 302 and not Body.objects.exists()
    assert "Asked for it" in olivia.get("/tenants/acme/content/").content.decode()
    content_of(called(cast.environment()))
    newest = Call.objects.order_by("-pk")[0]
    olivia.post(f"/usage/calls/{newest.pk}/content/erase/", {"reason": "Wrong window"})
    assert not Body.objects.exists()


def test_a_policy_by_form(cast: Cast) -> None:
    olivia = Client()
    olivia.force_login(cast.olivia)
    where = "/tenants/acme/content/change/?place=acme/support/development"
    assert olivia.post(where, {"keep": "both", "days": "400", "share": "50"}).status_code == 422
    answer = olivia.post(where, {"keep": "answers", "days": "7", "share": "50", "only_failed": "on"})
    assert answer.status_code == 302
    page = olivia.get("/tenants/acme/content/").content.decode()
    assert "What is answered is kept of 50 % of calls that failed for 7 days." in page and "Stated here." in page
    assert Entry.objects.get(verb="bodies.retention_changed").facts["after"]["share"] == 50
    olivia.post(where, {"keep": "above"})
    assert "50 %" not in olivia.get("/tenants/acme/content/").content.decode()


def test_what_a_tenant_takes_along_is_what_is_kept(cast: Cast) -> None:
    content_of(called(cast.environment()))
    [told] = contents_of(cast.acme)
    assert "Where is" in told["prompt"] and "On its way." in told["answer"]
    assert not list(contents_of(cast.globex))


def test_a_newer_key_of_the_installation_opens_it(cast: Cast, settings: object) -> None:
    from cryptography.fernet import Fernet

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [old]  # type: ignore[attr-defined]
    body = content_of(called(cast.environment()))
    settings.CREDENTIAL_KEYS = [new, old]  # type: ignore[attr-defined]
    assert rotate_keys(by=SYSTEM) == (1, 0)
    settings.CREDENTIAL_KEYS = [new]  # type: ignore[attr-defined]
    assert opened_of(Body.objects.get(pk=body.pk)).prompt


def test_a_lost_key_of_the_installation_is_told_and_passed_over(cast: Cast) -> None:
    call = called(cast.environment())
    content_of(call, end_user="customer 7")
    BodyKey.objects.update(wrapped=b"under a key that is gone")
    content_of(called(cast.environment(of=cast.foreign_project)))
    olivia = Client()
    olivia.force_login(cast.olivia)
    assert olivia.get(f"/usage/calls/{call.pk}/content/").status_code == 409
    form = {"of": "end_user", "subject": "customer 7", "reason": "Asked for it"}
    answer = olivia.post("/tenants/acme/content/erase/", form)
    assert answer.status_code == 422 and "nobody can tell whose calls are whose" in answer.content.decode()
    assert not Erasure.objects.exists()
    assert rotate_keys(by=SYSTEM) == (1, 1)
    assert Entry.objects.get(verb="bodies.key_rotated").facts["passed_over"] == 1
    assert erase_all(tenant=cast.acme, reason="Asked for it", by=cast.olivia).contents == 1
