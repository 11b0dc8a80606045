"""Whether decisions are as they were made: each record against its hash, its seal, the audit and the rows that it was
made of; and the chain of seals for what was removed, inserted or signed by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from approvals.attachments.content import DocumentUnreadable, pieces
from approvals.models import Decision
from approvals.sealing.canonical import hash_of
from approvals.sealing.departed import went_with_a_demonstration
from approvals.sealing.keys import is_ours
from approvals.sealing.rows import changed_rows
from approvals.sealing.seal import changed_parts, is_signed, key_id
from approvals.sealing.tables import DecisionKey, Seal
from audit.models import Entry
from ui.exporting import in_batches

AT_ONCE = 200
MOST_FINDINGS = 1_000
DECIDED = ("request.approved", "request.refused")


@dataclass(frozen=True)
class Finding:
    """What does not fit: `about` names the decision or the place in the chain, `where` the field or the row."""

    about: str
    where: str
    sentence: str


@dataclass(frozen=True)
class Verification:
    """Whether a decision is as it was made. `fits_seal` covers its place, its parts and the signature."""

    computed: str
    fits_record: bool
    fits_audit: bool
    fits_seal: bool
    findings: tuple[Finding, ...] = ()
    seal: Seal | None = None

    @property
    def is_intact(self) -> bool:
        return not self.findings


@dataclass
class Report:
    """What `verify_all` found."""

    decisions: int = 0
    seals: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        return not self.findings

    def lines(self) -> list[str]:
        """The report as text, a finding a line and the result at the end."""
        counted = f"{_count(self.decisions, 'decision')} and {_count(self.seals, 'seal')}"
        told = [f"{each.about}, {each.where}: {each.sentence}" for each in self.findings]
        return [*told, f"The decisions are {'intact' if self.is_intact else 'BROKEN'}: {counted}."]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verify(decision: Decision) -> Verification:
    """Compute everything anew and compare it with what the decision, its seal, the audit and its rows say."""
    seal = Seal.objects.filter(decision=decision.pk).first()
    audit = Entry.objects.filter(subject_kind="request", subject_id=str(decision.request_id), facts__hash=decision.hash)
    return _verified(decision, seal, audit.exists(), _keys())


def verify_all(*, on_progress: Callable[[int], None] | None = None) -> Report:
    """Every decision, and the chain. `on_progress` is told after some hundred decisions how many were looked at.

    People decide meanwhile. A decision is committed with its seal, its key and its entry in the audit, and those are
    read first: what lacks one of them is asked for it once more.
    """
    report = Report()
    seals = {seal.decision: seal for seal in _chain(report)}
    keys = _keys()
    report.findings += _broken_keys(keys)
    told = {
        (entry.subject_id, entry.facts.get("hash"))
        for entry in Entry.objects.filter(verb__in=DECIDED).only("subject_id", "facts").iterator(AT_ONCE)
    }
    seen = set()
    for decision in in_batches(with_everything(Decision.objects.order_by("decided_at", "pk")), size=AT_ONCE):
        if decision.pk in seals and (str(decision.request_id), decision.hash) in told:
            report.findings += _verified(decision, seals[decision.pk], True, keys).findings
        else:
            report.findings += verify(decision).findings
        report.findings += _unreadable(decision)
        seen.add(decision.pk)
        report.decisions += 1
        if on_progress is not None and report.decisions % AT_ONCE == 0:
            on_progress(report.decisions)
    report.findings += _removed(seals, seen)
    del report.findings[MOST_FINDINGS:]
    return report


def _verified(decision: Decision, seal: Seal | None, fits_audit: bool, keys: dict[str, DecisionKey]) -> Verification:
    about = f"R-{decision.request.number}"
    computed = hash_of(decision.record)
    found: list[Finding] = []
    if computed != decision.hash:
        parts = changed_parts(decision.record, seal.parts) if seal is not None else []
        where = f"record, {', '.join(parts)}" if parts else "record or hash"
        found.append(Finding(about, where, f"The record gives {computed}, and its hash says {decision.hash}."))
    if not fits_audit:
        found.append(Finding(about, "audit", "The audit was not told this hash when it was decided."))
    unsealed = list(_unsealed(about, decision, seal, keys))
    changed = [Finding(about, where, sentence) for where, sentence in _compared(decision)]
    return Verification(
        computed, computed == decision.hash, fits_audit, not unsealed, (*found, *unsealed, *changed), seal
    )


def _compared(decision: Decision) -> list[tuple[str, str]]:
    """The rows against the record; a record that is not one any more cannot be compared, and that is told."""
    try:
        return list(changed_rows(decision))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [("record", f"It is not the record of a decision any more: {type(error).__name__} of {error}.")]


def _unsealed(about: str, decision: Decision, seal: Seal | None, keys: dict[str, DecisionKey]) -> Iterator[Finding]:
    if seal is None:
        yield Finding(about, "seal", "It has no place in the chain of seals.")
        return
    if seal.record_sha256 != decision.hash or changed_parts(decision.record, seal.parts):
        parts = ", ".join(changed_parts(decision.record, seal.parts)) or "hash"
        yield Finding(about, f"seal, {parts}", f"Seal {seal.sequence} was made over another record.")
    yield from _foreign(about, seal, keys)


def _unreadable(decision: Decision) -> Iterator[Finding]:
    """Documents whose content does not open, or is not what was attached: each is read as a whole."""
    for file in decision.request.attachments.all():
        file.request = decision.request
        try:
            for _ in pieces(file):
                pass
        except DocumentUnreadable as error:
            yield Finding(f"R-{decision.request.number}", f"document “{file.name}”, content", error.sentence)


def _foreign(about: str, seal: Seal, keys: dict[str, DecisionKey]) -> Iterator[Finding]:
    if seal.statement.hash != seal.hash:
        yield Finding(about, "seal, hash", f"What seal {seal.sequence} says gives another hash than it carries.")
    key = keys.get(seal.key)
    if key is None:
        yield Finding(about, "seal, key", f"Seal {seal.sequence} names the key {seal.key}, which nobody knows here.")
    elif not is_signed(key.public, seal.statement.content, seal.signature):
        yield Finding(about, "seal, signature", f"Seal {seal.sequence} was not signed by the key {seal.key}.")


def _keys() -> dict[str, DecisionKey]:
    return {key.pk: key for key in DecisionKey.objects.all()}


def _broken_keys(keys: dict[str, DecisionKey]) -> Iterator[Finding]:
    for key in keys.values():
        if not is_ours(key) or key_id(key.public) != key.pk:
            yield Finding(f"key {key.pk}", "public key", "This installation did not write it down so: it is foreign.")


def _chain(report: Report) -> Iterator[Seal]:
    """Every seal in its order; what does not follow on is told to `report`."""
    last: Seal | None = None
    for seal in Seal.objects.order_by("sequence").iterator(AT_ONCE):
        about, expected = f"seal {seal.sequence}", last.sequence + 1 if last else 1
        if seal.sequence != expected:
            gone = f"seal {expected}" if seal.sequence == expected + 1 else f"seals {expected} to {seal.sequence - 1}"
            report.findings.append(Finding(gone, "chain", "Missing: somebody removed it."))
        elif seal.previous_hash != (last.hash if last else ""):
            report.findings.append(Finding(about, "chain", "It does not follow on the seal before it."))
        report.seals += 1
        last = seal
        yield seal


def _removed(seals: dict[Any, Seal], seen: set[Any]) -> Iterator[Finding]:
    """Decisions that the chain or the audit knows and that are gone; those of a demonstration may go with it."""
    may_go = {str(seal.decision) for seal in seals.values() if seal.is_demonstration}
    keys = _keys()
    for key, seal in seals.items():
        if key not in seen:
            about = f"seal {seal.sequence}"
            yield from _foreign(about, seal, keys)
            if not seal.is_demonstration:
                yield Finding(about, "decision", f"The decision {key} that it sealed is gone.")
    known = {str(key) for key in (*seals, *seen)}
    for entry in Entry.objects.filter(verb__in=DECIDED).order_by("day", "sequence").iterator(AT_ONCE):
        key = str(entry.facts.get("decision", ""))
        if not key or key in known or key in may_go or _is_there(key) or went_with_a_demonstration(entry):
            continue
        about = entry.subject_label.partition(" ")[0]
        yield Finding(about, "decision", f"The audit tells of the decision {key}, which is gone.")


def _is_there(key: str) -> bool:
    """Whether it was made since the decisions were read."""
    try:
        return Decision.objects.filter(pk=key).exists()
    except ValidationError:  # no identifier
        return False


def with_everything(rows: QuerySet[Decision]) -> QuerySet[Decision]:
    """`rows` with the rows that they were made of, in a fixed number of queries."""
    return rows.select_related("request__policy", "request__tenant").prefetch_related(
        "request__reviews__votes", "request__reviews__board", "request__revisions", "request__comments",
        "request__evidence_items", "request__attachments",
    )  # fmt: skip
