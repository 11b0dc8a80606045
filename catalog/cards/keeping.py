"""Keep a new edition of a model version's card, a licence or terms as they were read, and who answers for it."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.record import record
from catalog.cards.reading import read
from catalog.changes.telling import Kind, tell
from catalog.models import PLATFORM_TEAM, CardEdition, ModelVersion, TermsText
from refusals.errors import Invalid, Missing
from tenants.models import User
from tenants.seen import mark_of as mark_of
from tenants.seen import refuse_changed

LONGEST_WHY = 300
MOST_TERMS_BYTES = 1024 * 1024


def edition_of(version: ModelVersion, number: int | None = None) -> CardEdition | None:
    """The edition `number` of a version's card, else the newest; None where there is none."""
    rows = version.card_editions.all()
    return rows.filter(number=number).first() if number is not None else rows.first()


def find_edition(version: ModelVersion, number: int | None = None) -> CardEdition:
    """The same. Raises `Missing`."""
    found = edition_of(version, number)
    if found is None:
        which = f"edition {number} of the card" if number is not None else "card"
        raise Missing(f"There is no {which} of {version}.")
    return found


def find_version(key: UUID) -> ModelVersion:
    """A version by its key. Raises `Missing`."""
    rows = ModelVersion.objects.select_related("model", "owner").defer("model__embedding", "model__search_vector")
    found = rows.filter(pk=key).first()
    if found is None:
        raise Missing("There is no such model version.")
    return found


def state_of(edition: CardEdition | None) -> dict[str, Any]:
    """What a form's mark is made of (`tenants.seen`)."""
    return {"edition": edition.number if edition else 0}


@transaction.atomic
def keep_card(*, version: ModelVersion, text: bytes | str, why: str, by: Any, seen: str | None = None) -> CardEdition:
    """A new edition of the card of `version`, or the present one where it says the same. `why` is for whoever compares
    editions later. Raises `FileNotUnderstood`, `Invalid` and `ChangedMeanwhile`.
    """
    locked = ModelVersion.objects.select_for_update(of=["self"]).select_related("model").get(pk=version.pk)
    before = edition_of(locked)
    refuse_changed(seen, state_of(before), f"the card of {locked}")
    card = read(text)
    if before is not None and before.text == card.text:
        return before
    why = _one_line(why)
    if not why:
        raise Invalid("Say why the card changes: whoever compares its editions will ask.", field="why")
    kept = CardEdition.objects.create(
        version=locked,
        number=before.number + 1 if before else 1,
        text=card.text,
        sha256=_sha256(card.text),
        metadata=dict(card.metadata),
        gaps=card.gaps,
        why=why,
        made_by=_label(by),
    )
    record(
        "card.kept", by=by, subject=kept, model=locked.model.slug, version=locked.label, edition=kept.number,
        sha256=kept.sha256, why=why,
    )  # fmt: skip
    what = f"model card, edition {kept.number}: {why}"
    tell(
        version=locked, kind=Kind.CARD, what=what, before=before and before.sha256[:12], after=kept.sha256[:12],
        source=PLATFORM_TEAM, matters=before is not None,
    )  # fmt: skip
    _tell_licence(locked, before.metadata if before else None, kept.metadata)
    return kept


@transaction.atomic
def keep_terms(
    *, version: ModelVersion, kind: str, name: str, text: str, source_url: str, read_on: dt.date | None = None, by: Any
) -> TermsText:
    """The text of a licence or of terms as it stood at `source_url` on `read_on` (today). The same text again is not
    kept twice. Raises `Invalid`."""
    if kind not in TermsText.Kind.values:
        raise Invalid(f"It is one of {', '.join(TermsText.Kind.values)}.", field="kind")
    name, url, on = _one_line(name)[:160], source_url.strip(), read_on or timezone.now().date()
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip() + "\n"
    if not name:
        raise Invalid("Say what it is called, for example “Apache License 2.0”.", field="name")
    if not text.strip():
        raise Invalid("Paste the text itself: a link alone may say something else tomorrow.", field="text")
    if len(text.encode()) > MOST_TERMS_BYTES:
        raise Invalid(f"A text has at most {MOST_TERMS_BYTES // 1024:,} KiB.", field="text")
    if len(url) > 300 or urlsplit(url).scheme not in ("http", "https"):
        raise Invalid("Say where it was read: an address that begins with https://.", field="source_url")
    if on > timezone.now().date():
        raise Invalid("It cannot have been read on a day that is yet to come.", field="read_on")
    locked = ModelVersion.objects.select_for_update(of=["self"]).select_related("model").get(pk=version.pk)
    before = locked.terms_texts.filter(kind=kind).first()
    if before is not None and (before.text, before.source_url, before.name) == (text, url, name):
        return before
    kept = TermsText.objects.create(
        version=locked, kind=kind, name=name, text=text, sha256=_sha256(text), source_url=url, read_on=on,
        kept_by=_label(by),
    )  # fmt: skip
    record(
        "terms.kept", by=by, subject=kept, model=locked.model.slug, version=locked.label, kind=kind,
        sha256=kept.sha256, source_url=url,
    )  # fmt: skip
    if before is not None and before.sha256 != kept.sha256:
        tell(
            version=locked, kind=Kind(kind), what=f"text of {kept.get_kind_display().lower()} changed: {name}",
            before=f"{before.name}, {before.sha256[:12]}", after=f"{name}, {kept.sha256[:12]}", source=PLATFORM_TEAM,
        )  # fmt: skip
    return kept


class Owned(TypedDict, total=False):
    """Who answers for a version and when they look at it again; what is not said stays as it is."""

    owner: User | None
    next_review_on: dt.date | None


@transaction.atomic
def set_owner(*, version: ModelVersion, by: Any, seen: str | None = None, **said: Unpack[Owned]) -> ModelVersion:
    """Say who answers for a version here, and when they look at it again. Raises `Invalid` and `ChangedMeanwhile`."""
    locked = ModelVersion.objects.select_for_update(of=["self"]).select_related("model", "owner").get(pk=version.pk)
    before = owned_by(locked)
    refuse_changed(seen, before, f"who answers for {locked}")
    owner, next_review_on = said.get("owner", locked.owner), said.get("next_review_on", locked.next_review_on)
    if "owner" in said and owner is not None and not owner.is_active:
        raise Invalid("Who answers for a model must be active.", field="owner")
    if (
        next_review_on is not None
        and next_review_on != locked.next_review_on
        and next_review_on < timezone.now().date()
    ):
        raise Invalid("The next review lies ahead.", field="next_review_on")
    locked.owner, locked.next_review_on = owner, next_review_on
    after = owned_by(locked)
    if after != before:
        locked.save(update_fields=["owner", "next_review_on"])
        record("version.owner_set", by=by, subject=locked, before=before, after=after)
        if after["owner"] != before["owner"]:
            tell(
                version=locked, kind=Kind.OWNER, what="who answers for it", before=before["owner"] or None,
                after=after["owner"] or None, source=PLATFORM_TEAM,
            )  # fmt: skip
    return locked


def owned_by(version: ModelVersion) -> dict[str, str]:
    """Who answers for a version and until when it is looked at again, as plain values."""
    review = version.next_review_on.isoformat() if version.next_review_on else ""
    return {"owner": version.owner.username if version.owner else "", "next_review_on": review}


def _tell_licence(version: ModelVersion, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
    if before is not None and before.get("license") != after.get("license"):
        tell(
            version=version, kind=Kind.LICENCE, what="licence that the card names", before=before.get("license"),
            after=after.get("license"), source=PLATFORM_TEAM,
        )  # fmt: skip


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _one_line(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())[:LONGEST_WHY]


def _label(by: Any) -> str:
    return str(getattr(by, "label", by))[:200]
