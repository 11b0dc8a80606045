"""How the evidence on a request stands: each piece with its facts and its age, kept or, before a job kept it, as it is
now; after the decision as it was frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.evidence.collecting import ask, current, is_outdated, kept_collectors, round_began
from approvals.evidence.collectors import collectors_of
from approvals.evidence.tables import EvidenceItem
from approvals.models import Request
from approvals.subjects import kind_of


@dataclass(frozen=True)
class Piece:
    """One piece of evidence for people. `state`: `fresh`, `stale`, `failed`, `now` (not kept yet) or `frozen`."""

    name: str
    state: str
    facts: Sequence[Mapping[str, Any]]
    sentence: str = ""
    id: str = ""
    kind: str = "collected"
    source: str = ""
    text: str = ""
    link: str = ""
    document: str = ""
    trouble: str = ""
    collected_at: dt.datetime | None = None
    by: str = ""
    expires_at: dt.datetime | None = None
    sha256: str = ""
    earlier: int = 0
    is_outdated: bool = False  # collected on what was asked before it came back


@dataclass(frozen=True)
class Standing:
    """All pieces, and how many of the kept ones are stale."""

    pieces: list[Piece]

    @property
    def stale(self) -> int:
        return sum(piece.state in ("stale", "failed") for piece in self.pieces)

    @property
    def sentence(self) -> str:
        """As "3 of 9 stale"; empty where nothing is kept that can be."""
        return f"{self.stale} of {len(self.pieces)} stale" if self.stale else ""

    @property
    def facts(self) -> list[Mapping[str, Any]]:
        """Every fact of every piece, in their order."""
        return [fact for piece in self.pieces for fact in piece.facts]


def standing(request: Request, record: Mapping[str, Any] | None = None) -> Standing:
    """The evidence on `request`; `record` is its decision's, once there is one."""
    return Standing(_frozen(record) if record is not None else _alive(request))


def _alive(request: Request) -> list[Piece]:
    items, began = current(request), round_began(request)
    held = {item.collector: item for item in items if item.collector}
    kept = {each.slug for each in kept_collectors(request)}
    earlier: dict[str, int] = {}
    for collector in request.evidence_items.exclude(collector="").values_list("collector", flat=True):
        earlier[collector] = earlier.get(collector, 0) + 1
    pieces = []
    for each in collectors_of(kind_of(request.subject_kind)):
        if (item := held.get(each.slug)) is not None:
            pieces.append(_piece(item, each.sentence, earlier[each.slug] - 1, is_outdated(item, began)))
        else:
            found, trouble = ask(each, request)
            facts = [fact.frozen() for fact in found]
            if facts or trouble or each.slug in kept:
                pieces.append(Piece(each.name, "failed" if trouble else "now", facts, each.sentence, trouble=trouble))
    return [*pieces, *(_piece(item) for item in items if not item.collector)]


def _piece(item: EvidenceItem, sentence: str = "", earlier: int = 0, outdated: bool = False) -> Piece:
    return Piece(
        name=item.name,
        state="failed" if item.trouble else "stale" if item.is_stale or outdated else "fresh",
        facts=item.facts,
        sentence=sentence,
        id=str(item.pk),
        kind=item.kind,
        source=item.source,
        text=item.text,
        link=item.link,
        document=str(item.document_id or ""),
        trouble=item.trouble,
        collected_at=item.collected_at,
        by=str(item.collected_by or ""),
        expires_at=item.expires_at,
        sha256=item.sha256,
        earlier=earlier,
        is_outdated=outdated,
    )


def _frozen(record: Mapping[str, Any]) -> list[Piece]:
    """As a decision's record tells it; the first form of a record has facts alone."""
    if "evidence_items" not in record:
        return [Piece("What was known", "frozen", record["evidence"])] if record["evidence"] else []
    facts: dict[str, list[Mapping[str, Any]]] = {}
    for fact in record["evidence"]:
        facts.setdefault(fact["item"], []).append(fact)
    return [
        Piece(
            name=item["name"],
            state="frozen",
            facts=facts.get(item["id"], []),
            id=item["id"],
            kind=item["kind"],
            source=item["source"],
            text=item["text"],
            link=item["link"],
            document=item["document"],
            trouble=item["trouble"],
            collected_at=dt.datetime.fromisoformat(item["collected_at"]),
            expires_at=dt.datetime.fromisoformat(item["expires_at"]) if item["expires_at"] else None,
            sha256=item["sha256"],
        )
        for item in record["evidence_items"]
        if item["trouble"] or item["kind"] != "collected" or facts.get(item["id"])
    ]
