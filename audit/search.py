"""Find entries: by who, what, about what, in which tenant, when, and by words. Who may look is asked by the caller."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import reduce
from operator import and_

from django.contrib.auth import get_user_model
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import connection
from django.db.models import Q, QuerySet

from audit.models import Entry
from refusals.errors import Invalid

LONGEST = 200
MOST_WORDS = 8

# Distinct values by jumping through the index, which a table of millions of entries answers in a millisecond.
DISTINCT_VERBS = """
    WITH RECURSIVE found AS (
        (SELECT verb FROM audit_entry ORDER BY verb LIMIT 1)
        UNION ALL
        SELECT (SELECT verb FROM audit_entry WHERE verb > found.verb ORDER BY verb LIMIT 1) FROM found
         WHERE found.verb IS NOT NULL
    ) SELECT verb FROM found WHERE verb IS NOT NULL
"""


class SearchNotUnderstood(Invalid):
    code = "search_not_understood"


@dataclass(frozen=True)
class Asked:
    """Empty texts filter nothing. `who` a username, an actor's id or name as written; `verb` a verb or its beginning
    (`key.`); `subject` `kind:id`; `tenant` a slug; `since` and `until` UTC days, included; `q` words."""

    who: str = ""
    verb: str = ""
    subject: str = ""
    tenant: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    @property
    def in_force(self) -> dict[str, str]:
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


def asked_of(query: Mapping[str, str]) -> Asked:
    """What `query` asks. Raises `SearchNotUnderstood` for what cannot be a day, and for null bytes."""
    asked = Asked(**{field.name: query.get(field.name, "").strip()[:LONGEST] for field in fields(Asked)})
    for name, value in asked.in_force.items():
        if "\0" in value:
            raise SearchNotUnderstood("The search holds a character that no entry can hold. Type it again.", field=name)
    for name in ("since", "until"):
        _day(getattr(asked, name), name)
    return asked


def find(asked: Asked) -> QuerySet[Entry]:
    """The entries that fit, in no order: the caller pages."""
    rows = Entry.objects.order_by()
    if asked.who:
        person = get_user_model().objects.filter(username=asked.who).values_list("pk", flat=True).first()
        rows = (
            rows.filter(actor_id=str(person))
            if person
            else rows.filter(Q(actor_label=asked.who) | Q(actor_id=asked.who))
        )
    if asked.verb:
        rows = rows.filter(verb__startswith=asked.verb) if asked.verb.endswith(".") else rows.filter(verb=asked.verb)
    if asked.subject:
        kind, _, key = asked.subject.partition(":")
        rows = rows.filter(subject_kind=kind, **({"subject_id": key} if key else {}))
    if asked.tenant:
        rows = rows.filter(tenant=asked.tenant)
    if since := _day(asked.since, "since"):
        rows = rows.filter(at__gte=dt.datetime.combine(since, dt.time(), dt.UTC))
    if until := _day(asked.until, "until"):
        rows = rows.filter(at__lt=dt.datetime.combine(until, dt.time(), dt.UTC) + dt.timedelta(days=1))
    if parts := asked.q.split()[:MOST_WORDS]:
        text = SearchVector("actor_label", "subject_label", "subject_id", config="simple")
        rows = rows.annotate(words=text).filter(words=reduce(and_, map(_word, parts)))
    return rows


def _word(part: str) -> SearchQuery:
    """A plain word finds what begins with it; an identifier is read as PostgreSQL read it when it was written."""
    if re.fullmatch(r"\w+", part):
        return SearchQuery(f"{part}:*", search_type="raw", config="simple")
    return SearchQuery(part, search_type="plain", config="simple")


def verbs() -> list[str]:
    """Every verb that was ever written, in order."""
    with connection.cursor() as cursor:
        cursor.execute(DISTINCT_VERBS)
        return [verb for (verb,) in cursor.fetchall()]


def _day(text: str, field: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise SearchNotUnderstood(f"“{text[:40]}” is not a day. Write it as 2026-11-24.", field=field) from error
    if day is not None and not 2000 <= day.year <= 2200:
        raise SearchNotUnderstood("Choose a day between 2000 and 2200.", field=field)
    return day
