"""Limits and budgets are set by whom the level above allows, and each place says what applies there and why."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from audit.models import Entry
from catalog.models import Route
from refusals import Refusal
from tenants import archiving
from tenants.key_rotation import rotate
from tenants.keys import issue, revoke
from tenants.models import ApiKey, Notification
from tests import cast as make
from tests.cast import Cast
from tests.usage.ledger_lines import called
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_key, of_project, of_tenant
from usage.limits.setting import set_limits
from usage.limits.spending import spending
from usage.limits.tables import Budget, Limit, Span
from usage.limits.warning import warn

HERE = "acme/support/development"
pytestmark = pytest.mark.django_db


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def put(client: Client, place: str, **amounts: Any) -> Any:
    return client.post("/api/limits/", {"place": place, **amounts}, "application/json")


def applying(client: Client, place: str) -> dict[str, dict[str, Any]]:
    told = client.get("/api/limits/effective/", {"place": place}).json()
    return {each["metric"]: each for each in told}


def test_it_works(cast: Cast) -> None:
    assert put(signed_in(cast.pat), "acme", requests=600).status_code == 200
    answer = put(signed_in(cast.olivia), HERE, requests=1000, concurrent=5)
    told = {each["metric"]: each for each in answer.json()}
    assert told["requests"]["amount"] == 600 and told["requests"]["own"] == 1000
    assert told["requests"]["source"] == {"level": "tenant", "path": "acme", "name": "Acme"}
    assert told["requests"]["sentence"] == (
        "The tenant Acme's 600 requests a minute apply, not the 1,000 that are set here."
    )
    assert told["concurrent"]["sentence"] == "5 calls at once, set here, for everything in it together."
    assert told["tokens"]["amount"] is None and told["tokens"]["sentence"] == "Nothing limits tokens a minute here."


def test_a_key_is_told_what_its_environment_allows(cast: Cast) -> None:
    issue(environment=cast.environment(), name="Laptop", by=cast.dev)
    prefix = ApiKey.objects.get().prefix
    put(signed_in(cast.olivia), "acme/support", tokens=5000)
    told = applying(signed_in(cast.vera), prefix)["tokens"]
    assert told["sentence"] == "The project Support's 5,000 tokens a minute apply, shared with everything else in it."
    assert put(signed_in(cast.dev), prefix, tokens=100).status_code == 200, "who issues keys narrows them"
    assert applying(signed_in(cast.vera), prefix)["tokens"]["sentence"] == "100 tokens a minute, set here."


def test_a_key_that_replaces_another_is_held_to_the_same(cast: Cast) -> None:
    key = issue(environment=cast.environment(), name="Laptop", by=cast.dev).key
    set_limits(place=of_key(key), amounts={"requests": 7}, by=cast.dev)
    set_budget(place=of_key(key), amount=Decimal(3), span="day", is_hard=True, warnings=[90], by=cast.dev)
    made = signed_in(cast.dev).post(f"/api/keys/{key.pk}/rotate/", {"overlap": "1h"}, "application/json").json()
    assert applying(signed_in(cast.dev), made["prefix"])["requests"]["own"] == 7
    budget = Budget.objects.get(key__prefix=made["prefix"])
    assert (budget.amount, budget.span, budget.is_hard, budget.warn_at) == (3, "day", True, [90])
    assert Budget.objects.count() == 2, "the old one keeps its own until it ends"


def test_keys_that_replace_each_other_spend_a_budget_together(cast: Cast) -> None:
    """Else each replacing would begin it anew, and in an overlap each would spend all of it."""
    first = issue(environment=cast.environment(), name="Laptop", by=cast.dev).key
    other = issue(environment=cast.environment(), name="Other", by=cast.dev).key
    for key in (first, other):
        set_budget(place=of_key(key), amount=Decimal(10), is_hard=True, by=cast.dev)
    called(cast.environment(), cost=Decimal(8), key_prefix=first.prefix)
    assert warn() == 1
    second = rotate(key=first, overlap="24h", by=cast.dev).key
    third = rotate(key=second, overlap="24h", by=cast.dev).key
    assert warn() == 0, "it was told already"
    called(cast.environment(), cost=Decimal(1), key_prefix=third.prefix)
    standing = spending(Budget.objects.select_related("key"))
    spent = {each.budget.key_id: each.spent for each in standing.values()}
    assert spent == {first.pk: 9, second.pk: 9, third.pk: 9, other.pk: 0}
    revoke(key=first, by=cast.dev)
    revoke(key=second, by=cast.dev)
    called(cast.environment(), cost=Decimal(1), key_prefix=third.prefix)
    assert warn() == 1, "of a key that works"


def test_the_page_says_it_where_it_is_shown(cast: Cast) -> None:
    put(signed_in(cast.pat), "acme", requests=600)
    put(signed_in(cast.olivia), "acme/support", requests=1000)
    page = signed_in(cast.vera).get("/tenants/acme/limits/").content.decode()
    assert "The tenant Acme&#x27;s 600 requests a minute apply, not the 1,000 that are set here." in page
    form = signed_in(cast.olivia).get("/tenants/acme/limits/change/?place=acme/support").content.decode()
    assert "Now: The tenant Acme&#x27;s 600 requests a minute apply" in form


def test_names_are_written_as_text(cast: Cast) -> None:
    type(cast.project).objects.update(name="<script>alert(1)</script>")
    put(signed_in(cast.olivia), "acme/support", requests=10)
    for address in ("/tenants/acme/limits/", f"/tenants/acme/limits/change/?place={HERE}"):
        assert "<script>alert" not in signed_in(cast.olivia).get(address).content.decode()


def test_setting_on_screen_and_taking_away(cast: Cast) -> None:
    olivia, where = signed_in(cast.olivia), f"/tenants/acme/limits/change/?place={HERE}"
    olivia.post(where, {"requests": "10", "tokens": "", "concurrent": "3"})
    assert dict(Limit.objects.values_list("metric", "amount")) == {"requests": 10, "concurrent": 3}
    olivia.post(where, {"requests": "10", "tokens": "", "concurrent": ""})
    assert dict(Limit.objects.values_list("metric", "amount")) == {"requests": 10}
    before, after = (
        Entry.objects.filter(verb="limits.changed").latest("at").facts[name] for name in ("before", "after")
    )
    assert before == {"requests": 10, "concurrent": 3} and after == {"requests": 10}
    wrong = olivia.post(where, {"requests": "0"})
    assert wrong.status_code == 422 and "greater than or equal to 1" in wrong.content.decode()
    assert dict(Limit.objects.values_list("metric", "amount")) == {"requests": 10}


def test_what_is_set_again_as_it_is_leaves_no_trace(cast: Cast) -> None:
    for _ in range(2):
        put(signed_in(cast.olivia), HERE, requests=10)
    assert Entry.objects.filter(verb="limits.changed").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"place": HERE, "requests": 0}, "requests"),
        ({"place": HERE, "requests": 10**10}, "requests"),
        ({"place": HERE, "requests": "many"}, "requests"),
        ({"place": HERE, "request": 5}, "request"),
        ({"requests": 5}, "place"),
    ],
)
def test_what_is_no_limit_is_refused(cast: Cast, body: dict[str, Any], field: str) -> None:
    answer = signed_in(cast.pat).post("/api/limits/", body, "application/json")
    assert answer.status_code in (400, 422) and field in answer.content.decode()
    assert not Limit.objects.exists()


@pytest.mark.parametrize(
    "place",
    [
        "globex",
        "globex/secret",
        "globex/secret/production",
        "nowhere",
        "acme/nowhere",
        "acme/support/staging",
        "acme/support/production/more",
        "atrium_dev_nothing",
    ],
)
def test_a_foreign_place_is_answered_like_a_missing_one(cast: Cast, place: str) -> None:
    for answer in (
        put(signed_in(cast.olivia), place, requests=5),
        signed_in(cast.olivia).get("/api/limits/effective/", {"place": place}),
        signed_in(cast.olivia).get("/api/limits/", {"place": place}),
        signed_in(cast.olivia).get("/tenants/acme/limits/change/", {"place": place}),
    ):
        assert answer.status_code == 404


def test_a_place_of_another_tenant_is_not_changed_through_ones_own(cast: Cast) -> None:
    """Pat may both, and the address says which."""
    page = signed_in(cast.pat).post("/tenants/acme/limits/change/?place=globex", {"requests": "5"})
    assert page.status_code == 404 and not Limit.objects.exists()


def test_the_tenants_own_are_not_for_its_owners(cast: Cast) -> None:
    refused = put(signed_in(cast.olivia), "acme", requests=5)
    assert refused.status_code == 403
    assert "set by the platform team and FinOps" in refused.json()["detail"]
    assert put(signed_in(cast.fin), "acme", requests=5).status_code == 200


def test_lists_hold_ones_own_tenants_only(cast: Cast) -> None:
    put(signed_in(cast.pat), "acme", requests=5)
    put(signed_in(cast.pat), "globex", requests=6)
    set_budget(place=of_tenant(cast.globex), amount=Decimal(3), by=cast.pat)
    assert [each["amount"] for each in signed_in(cast.vera).get("/api/limits/").json()["results"]] == [5]
    assert signed_in(cast.vera).get("/api/budgets/").json()["results"] == []
    assert len(signed_in(cast.ada).get("/api/limits/").json()["results"]) == 2


def test_an_archived_tenant_keeps_its_limits_as_they_are(cast: Cast) -> None:
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    answer = put(signed_in(cast.olivia), HERE, requests=5)
    assert (answer.status_code, answer.json()["code"]) == (409, "tenant_archived")


def test_a_budget_tells_what_was_spent_in_its_period(cast: Cast) -> None:
    make.route()
    called(cast.environment(), cost=Decimal("1.25"))
    called(cast.environment("production"), cost=Decimal("0.5"))
    called(cast.environment(of=cast.foreign_project), cost=Decimal(7))
    olivia = signed_in(cast.olivia)
    made = olivia.post("/api/budgets/", {"place": "acme/support", "amount": "10", "span": "year"}, "application/json")
    assert made.status_code == 200, made.content
    told = made.json()
    assert (Decimal(told["spent"]), Decimal(told["left"])) == (Decimal("1.75"), Decimal("8.25"))
    olivia.post("/api/budgets/", {"place": HERE, "amount": "1", "span": "year", "is_hard": True}, "application/json")
    listed = olivia.get("/api/budgets/", {"place": HERE}).json()["results"]
    assert [(each["spent"], each["left"], each["is_hard"]) for each in listed] == [
        ("1.250000000000", "0.000000000000", True)
    ]
    page = signed_in(cast.vera).get("/tenants/acme/limits/").content.decode()
    assert "$1.75" in page and "$10.00" in page
    assert olivia.delete(f"/api/budgets/{listed[0]['id']}/").status_code == 204
    assert Budget.objects.count() == 1


def test_a_budget_is_set_changed_and_removed_on_screen(cast: Cast) -> None:
    olivia, where = signed_in(cast.olivia), f"?place={HERE}"
    given = {"amount": "12.5", "span": "month", "is_hard": "true", "warnings": "90 %, 50"}
    assert olivia.post(f"/tenants/acme/budgets/set/{where}", given).status_code == 302
    budget = Budget.objects.get()
    assert (budget.amount, budget.is_hard, budget.warn_at) == (Decimal("12.5"), True, [50, 90])
    page = olivia.get(f"/tenants/acme/limits/change/{where}").content.decode()
    assert "calls that cost something are refused" in page
    for wrong in ({"amount": "-1"}, {"amount": "x"}, {"warnings": "half"}, {"warnings": "0"}, {"span": "decade"}):
        answer = olivia.post(f"/tenants/acme/budgets/set/{where}", given | wrong)
        assert answer.status_code == 422, wrong
        assert 'value="12.5"' in answer.content.decode() or "amount" in wrong, "what was entered is still there"
    assert Budget.objects.get().warn_at == [50, 90]
    assert olivia.post(f"/tenants/acme/budgets/remove/{where}", {"span": "month"}).status_code == 302
    assert olivia.post(f"/tenants/acme/budgets/remove/{where}", {"span": "month"}).status_code == 404
    assert not Budget.objects.exists()
    assert set(Entry.objects.values_list("verb", flat=True)) >= {"budget.set", "budget.removed"}


def test_people_are_told_once_when_a_budget_nears_its_end(cast: Cast) -> None:
    set_budget(place=of_project(cast.project), amount=Decimal(10), span="year", by=cast.pat)
    assert warn() == 0
    called(cast.environment(), cost=Decimal("8.5"))
    assert warn() == 1
    told = Notification.objects.filter(user=cast.olivia, title__contains="budget").get()
    assert told.title == "80 % of the budget of the project Support is spent"
    assert told.body.startswith("$8.50 of $10.00 this year.") and told.path == "/tenants/acme/limits/"
    assert warn() == 0, "once in a period"
    called(cast.environment(), cost=Decimal(2))
    assert warn() == 1
    assert Notification.objects.filter(user=cast.olivia, title__startswith="100 %").count() == 1
    assert not Notification.objects.filter(user=cast.greta, title__contains="budget").exists()


def test_periods_are_those_of_the_calendar() -> None:
    day = dt.date(2026, 11, 29)  # a Sunday
    begun = {span.value: (span.begins(day), span.ends(day)) for span in Span}
    assert begun == {
        "day": (day, dt.date(2026, 11, 30)),
        "week": (dt.date(2026, 11, 23), dt.date(2026, 11, 30)),
        "month": (dt.date(2026, 11, 1), dt.date(2026, 12, 1)),
        "quarter": (dt.date(2026, 10, 1), dt.date(2027, 1, 1)),
        "year": (dt.date(2026, 1, 1), dt.date(2027, 1, 1)),
    }
    for start in (dt.date(2024, 2, 29), dt.date(2026, 1, 31), dt.date(2026, 12, 31), dt.date(2027, 7, 1)):
        for span in Span:
            assert span.begins(start) <= start < span.ends(start)
            assert span.begins(span.ends(start)) == span.ends(start)


def test_the_same_table_as_csv(cast: Cast) -> None:
    put(signed_in(cast.pat), "acme", requests=600)
    answer = signed_in(cast.vera).get("/tenants/acme/limits/?format=csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "place,limit,set here,applies,set at,why"
    assert "acme/support/production,Requests a minute,,600,acme," in "\n".join(lines)


def test_a_tenant_without_a_project_has_a_table_too(cast: Cast) -> None:
    cast.project.delete()
    page = signed_in(cast.vera).get("/tenants/acme/limits/")
    assert page.status_code == 200 and "The whole tenant" in page.content.decode()


def test_two_at_once_leave_one_limit(cast: Cast) -> None:
    with transaction.atomic():
        set_limits(place=of_environment(cast.environment()), amounts={"requests": 5}, by=cast.olivia)
        set_limits(place=of_environment(cast.environment()), amounts={"requests": 7}, by=cast.pat)
    assert Limit.objects.get().amount == 7


def test_the_page_asks_few_questions_however_many_places_there_are(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    from tenants.structure import create_project

    for number in range(12):
        create_project(tenant=cast.acme, slug=f"p{number}", name=f"P{number}", by=cast.olivia)
    for kind in ("development", "production"):
        issue(environment=cast.environment(kind), name=kind, by=cast.dev)
        set_budget(place=of_environment(cast.environment(kind)), amount=Decimal(1), by=cast.olivia)
    for key in ApiKey.objects.all():
        set_limits(place=of_key(key), amounts={"requests": 5}, by=cast.olivia)
    vera = signed_in(cast.vera)
    vera.get("/tenants/acme/limits/")
    with django_assert_max_num_queries(12):
        page = vera.get("/tenants/acme/limits/")
    assert page.content.decode().count("/keys/") >= 2


def test_refusals_name_the_field(cast: Cast) -> None:
    with pytest.raises(Refusal) as refused:
        set_budget(place=of_tenant(cast.acme), amount=Decimal(-1), by=cast.pat)
    assert refused.value.field == "amount"
    assert not Route.objects.exists()
