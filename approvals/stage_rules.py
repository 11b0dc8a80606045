"""What a policy says of one stage: which board, how many of it, beside which, who may veto, what each one checks.

A stage as it is kept holds what differs from the ordinary: one board after another, any refusal refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.models import Board
from refusals.errors import Invalid

ALL = "all"  # a quorum of every member who may vote when the stage is opened
ANYBODY, NOBODY = "anybody", "nobody"
MOST_STAGES = 8
MOST_CHECKS = 20
LONGEST_CHECK = 200


class UnfitStage(Invalid):
    code = "unfit_stage"


@dataclass(frozen=True)
class Stage:
    """`quorum` approvals of `board` (None: of everybody who may vote). `is_beside`: looked at with the stage before it.

    `veto`: whose single refusal refuses the request, `anybody`, `nobody` or the user names of some; other refusals do
    once the quorum cannot be reached any more. `checklist`: what each one who approves has checked.
    """

    board: str
    quorum: int | None
    is_beside: bool = False
    veto: str | tuple[str, ...] = ANYBODY
    checklist: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is kept, exported and shown on the API."""
        kept: dict[str, Any] = {"board": self.board, "quorum": ALL if self.quorum is None else self.quorum}
        if self.is_beside:
            kept["beside"] = True
        if self.veto != ANYBODY:
            kept["veto"] = self.veto if isinstance(self.veto, str) else list(self.veto)
        if self.checklist:
            kept["checklist"] = list(self.checklist)
        return kept

    def words(self, name: str) -> str:
        """`2 of Legal`, `every member of Legal`; `name` is the board's."""
        return f"every member of {name}" if self.quorum is None else f"{self.quorum} of {name}"


def kept(stage: Mapping[str, Any]) -> Stage:
    """A stage of a policy that was put in force."""
    veto, quorum = stage.get("veto", ANYBODY), stage.get("quorum", 1)
    return Stage(
        board=stage["board"],
        quorum=None if quorum == ALL else quorum,
        is_beside=bool(stage.get("beside")),
        veto=veto if isinstance(veto, str) else tuple(veto),
        checklist=tuple(stage.get("checklist", ())),
    )


def read(stages: Sequence[Any], boards: Mapping[str, Board]) -> list[Stage]:
    """The stages that somebody states, held against `boards` by slug. Raises `UnfitStage`."""
    if not stages:
        raise UnfitStage("A policy needs at least one stage.", field="stages")
    if len(stages) > MOST_STAGES:
        raise UnfitStage(f"A policy has at most {MOST_STAGES} stages; this has {len(stages)}.", field="stages")
    found = [_read(stage, boards) for stage in stages]
    if len({stage.board for stage in found}) < len(found):
        raise UnfitStage("A board can be asked once in a policy.", field="stages")
    if found[0].is_beside:
        raise UnfitStage("The first stage has none before it to stand beside.", field="stages")
    return found


def words(stages: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """`1 of Risk and every member of Legal, then 1 of Security`; `names` of the boards by slug."""
    told = ""
    for stage in map(kept, stages):
        told += ("" if not told else " and " if stage.is_beside else ", then ") + stage.words(
            names.get(stage.board, stage.board)
        )
    return told


def needed_of(board: str, stages: Sequence[Mapping[str, Any]]) -> int:
    """How many members of `board` the `stages` of a policy need; 0 where they do not ask it."""
    return max((stage.quorum or 1 for stage in map(kept, stages) if stage.board == board), default=0)


def _read(stage: Any, boards: Mapping[str, Board]) -> Stage:
    if not isinstance(stage, Mapping):
        raise UnfitStage("A stage is an object with “board” and “quorum”.", field="stages")
    known = {"board", "quorum", "beside", "veto", "checklist"}
    if other := sorted(str(name) for name in stage.keys() - known):
        raise UnfitStage(f"A stage has no “{other[0][:40]}”. It may say {', '.join(sorted(known))}.", field="stages")
    board = boards.get(str(stage.get("board")))
    if board is None:
        raise UnfitStage(f"There is no board “{stage.get('board')}”.", field="stages")
    members = list(board.seats.filter(user__is_active=True).values_list("user__username", flat=True))
    return Stage(
        board=board.slug,
        quorum=_quorum(stage.get("quorum", 1), board, len(members)),
        is_beside=_flag(stage.get("beside", False)),
        veto=_veto(stage.get("veto", ANYBODY), board, members),
        checklist=_checklist(stage.get("checklist", ())),
    )


def _quorum(given: Any, board: Board, seated: int) -> int | None:
    if given == ALL:
        if not seated:
            raise UnfitStage(f"Nobody active sits on {board}, so nobody could approve. Seat people.", field="stages")
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise UnfitStage(f"How many of the {board} must approve? At least one, or “{ALL}”.", field="stages")
    if given > seated:
        raise UnfitStage(
            f"{board} has {seated} active member{'' if seated == 1 else 's'}, so {given} approvals cannot be reached."
            " Seat more people or lower the quorum.",
            field="stages",
        )
    return given


def _flag(given: Any) -> bool:
    if not isinstance(given, bool):
        raise UnfitStage("“beside” is true or false.", field="stages")
    return given


def _veto(given: Any, board: Board, members: list[str]) -> str | tuple[str, ...]:
    if given in (ANYBODY, NOBODY):
        return str(given)
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise UnfitStage(f"“veto” is “{ANYBODY}”, “{NOBODY}”, or a list of members of {board}.", field="stages")
    for name in given:
        if name not in members:
            raise UnfitStage(f"“{name}” has a veto but does not sit on {board}.", field="stages")
    return tuple(dict.fromkeys(given))


def _checklist(given: Any) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise UnfitStage("“checklist” is a list of sentences.", field="stages")
    lines = tuple(dict.fromkeys(str(line).replace("\x00", "").strip() for line in given))
    if len(lines) > MOST_CHECKS or any(not line or len(line) > LONGEST_CHECK for line in lines):
        raise UnfitStage(
            f"A checklist has at most {MOST_CHECKS} sentences of at most {LONGEST_CHECK} characters each.",
            field="stages",
        )
    return lines
