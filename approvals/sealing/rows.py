"""The rows that a decision was made of, compared with what its record says of them: a vote that was changed afterwards
is found although the record is as it was.

What may change afterwards is not compared: what tenants, boards and people are called, where a project moved to. What
is erased with a tenant (documents and evidence) is gone, not changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from approvals.models import Decision, Policy, Review
from audit.models import Entry

type Difference = tuple[str, str]  # where, and in which words
_GOES_ON = {"suspended", "superseded", "expired"}  # what an approval may become


def changed_rows(decision: Decision) -> Iterator[Difference]:
    """Where and how the rows differ from the record."""
    record = decision.record
    yield from _decision(decision, record)
    yield from _request(decision, record)
    if decision.request.policy is not None and record.get("policy"):
        yield from _policy(decision.request.policy, record["policy"])
    yield from _rounds(decision, record)
    yield from _said(decision, record.get("conversation", ()))
    yield from _evidence(decision, record)


def _decision(decision: Decision, record: dict[str, Any]) -> Iterator[Difference]:
    yield from _compared("decision", [
        ("request", str(decision.request_id), record["request"]["id"]),
        ("outcome", decision.outcome, record["outcome"]),
        ("decided_at", decision.decided_at, _time(record["decided_at"])),
        ("valid_until", decision.valid_until, _valid_until(record)),
        ("is_demonstration", decision.is_demonstration, record.get("is_demonstration", decision.is_demonstration)),
    ])  # fmt: skip


def _valid_until(record: dict[str, Any]) -> dt.datetime | None:
    """The first form of a record left it to its policy."""
    if "valid_until" in record:
        return _time(record["valid_until"])
    days = (record.get("policy") or {}).get("validity_days")
    decided = _time(record["decided_at"])
    return decided + dt.timedelta(days=days) if days and decided and record["outcome"] == "approved" else None


def _request(decision: Decision, record: dict[str, Any]) -> Iterator[Difference]:
    request, said = decision.request, record["request"]
    same = [
        (name, getattr(request, name), said[name])
        for name in ("number", "subject_kind", "subject_key", "title", "reason", "facts")
    ]
    decided = said.get("state", record["outcome"])
    state = decided if request.state in _GOES_ON and record["outcome"] == "approved" else request.state
    yield from _compared("request", [
        *same,
        ("requester", str(request.requester_id), said["requester"]["id"]),
        ("created_at", request.created_at, _time(said.get("created_at", said["submitted_at"]))),
        ("sent_at", request.sent_at or request.created_at, _time(said["submitted_at"])),
        ("round", request.round, said.get("round", request.round)),
        ("because", request.because, record.get("because", request.because)),
        ("decided_under", request.decided_under, record["decided_under"]),
        ("state", state, decided),
        ("is_demonstration", request.is_demonstration, record.get("is_demonstration", request.is_demonstration)),
    ])  # fmt: skip


def _policy(policy: Policy, said: dict[str, Any]) -> Iterator[Difference]:
    # Asked of the record, so that a policy that gets further columns later is compared in those that were sealed.
    yield from _compared("policy", [(name, getattr(policy, name, value), value) for name, value in said.items()])


def _rounds(decision: Decision, record: dict[str, Any]) -> Iterator[Difference]:
    """The last round's stages, and every earlier round as it was sent back."""
    reviews: dict[int, list[Review]] = {}
    for review in decision.request.reviews.all():
        reviews.setdefault(review.round, []).append(review)
    last = record["request"].get("round", 1)
    yield from _reviews(reviews.pop(last, []), record["reviews"], "")
    revisions = {revision.round: revision for revision in decision.request.revisions.all()}
    for told in record.get("earlier_rounds", ()):
        revision, where = revisions.pop(told["round"], None), f"round {told['round']}"
        if revision is None:
            yield where, "It is gone."
        else:
            yield from _compared(where, [
                *((name, getattr(revision, name), told[name]) for name in ("title", "reason", "facts")),
                ("sent_back_at", revision.sent_back_at, _time(told["sent_back_at"])),
            ])  # fmt: skip
        yield from _reviews(reviews.pop(told["round"], []), told["reviews"], f" of round {told['round']}")
    for number in sorted({*reviews, *revisions}):
        yield f"round {number}", "It was not there when it was decided."


def _reviews(reviews: list[Review], said: list[dict[str, Any]], of_round: str) -> Iterator[Difference]:
    kept = {review.position: review for review in reviews}
    for told in said:
        review, where = kept.pop(told["position"], None), f"stage {told['position']}{of_round}"
        if review is None:
            yield where, "It is gone."
            continue
        yield from _compared(where, [
            ("board", review.board.slug if review.board else "", told["board"]),
            *((name, getattr(review, name), told[name])
              for name in ("quorum", "outcome", "group", "veto", "checklist") if name in told),
            *((name, getattr(review, name), _time(told[name])) for name in ("opened_at", "closed_at") if name in told),
        ])  # fmt: skip
        votes = {str(vote.voter_id): vote for vote in review.votes.all()}
        for vote in told["votes"]:
            cast = votes.pop(vote["voter"]["id"], None)
            of = f"vote of {vote['voter']['username']} in {where}"
            if cast is None:
                yield of, "It is gone."
                continue
            yield from _compared(of, [
                *((name, getattr(cast, name), vote[name])
                  for name in ("verdict", "comment", "checked", "is_conditional") if name in vote),
                ("at", cast.at, _time(vote["at"])),
            ])  # fmt: skip
        for voter in votes:
            yield f"vote of {voter} in {where}", "It was not there when it was decided."
    for position in kept:
        yield f"stage {position}{of_round}", "It was not there when it was decided."


def _said(decision: Decision, conversation: Iterable[dict[str, Any]]) -> Iterator[Difference]:
    """Comments that were there are there as they were; later ones may follow."""
    now = {(str(each.author_id), each.at): each.text for each in decision.request.comments.all()}
    for told in conversation:
        key, where = (told["author"]["id"], _time(told["at"])), f"comment of {told['author']['username']}"
        if key not in now:
            yield where, "It is gone, or its time was changed."
        elif now[key] != told["text"]:
            yield f"{where}, text", "It is not what was said."


def _evidence(decision: Decision, record: dict[str, Any]) -> Iterator[Difference]:
    items = {str(item.pk): item for item in decision.request.evidence_items.all()}
    files = {str(file.pk): file for file in decision.request.attachments.all()}
    lost = []
    for told in record.get("evidence_items", ()):
        item, where = items.get(told["id"]), f"evidence “{told['name']}”"
        if item is None:
            lost.append(where)
        elif item.computed() != told["sha256"]:
            yield from _compared(where, [(name, value, told[name]) for name, value in item.content().items()])
            facts = [{k: v for k, v in fact.items() if k != "item"} for fact in record["evidence"]
                     if fact["item"] == told["id"]]  # fmt: skip
            yield from _compared(where, [("facts", item.facts, facts)])
        elif item.sha256 != told["sha256"]:
            yield f"{where}, sha256", "It is not the hash that was sealed."
    for told in record.get("attachments", ()):
        file, where = files.get(told["id"]), f"document “{told['name']}”"
        if file is None:
            lost.append(where)
            continue
        yield from _compared(where, [
            *((name, getattr(file, name), told[name]) for name in ("name", "media_type", "size", "sha256")),
            ("uploaded_at", file.uploaded_at, _time(told["uploaded_at"])),
            ("uploaded_by", str(file.uploaded_by_id), told["uploaded_by"]["id"]),
        ])  # fmt: skip
    if lost and not _was_erased(decision):
        yield from ((where, "It is gone.") for where in lost)


def _was_erased(decision: Decision) -> bool:
    tenant = decision.request.tenant_id
    return Entry.objects.filter(verb="tenant.erasing", subject_id=str(tenant)).exists()


def _compared(where: str, triples: Iterable[tuple[str, Any, Any]]) -> Iterator[Difference]:
    for name, now, sealed in triples:
        if now != sealed:
            yield f"{where}, {name}", f"It says {_short(now)}, and {_short(sealed)} was sealed."


def _short(value: Any) -> str:
    text = value.isoformat() if isinstance(value, dt.datetime) else str(value)
    return f"“{text if len(text) <= 80 else text[:79] + '…'}”"


def _time(text: str) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
