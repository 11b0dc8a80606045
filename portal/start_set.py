"""What every installation begins with: the governance boards, and the policies that say which of them decide on what.

Boards begin without members; the platform team seats people. Loading a second time changes nothing.
"""

from __future__ import annotations

from django.db import transaction

from approvals.boards import create_board
from approvals.models import Board, Policy
from audit.record import SYSTEM, record

BOARDS = (
    ("risk", "Risk board", "Weighs what a use of a model can do to customers and to the firm."),
    ("security", "Security board", "Looks at the data that leaves the house, and at who receives it."),
    ("legal", "Legal board", "Looks at contracts, licences and the law."),
)

# subject kind, environment kind ("" is any), why it is so, boards in order with how many must approve, days of validity
POLICIES: tuple[tuple[str, str, str, list[tuple[str, int]], int | None], ...] = (
    (
        "access",
        "",
        "Trying a model in development or test needs one approval of the risk board.",
        [("risk", 1)],
        365,
    ),
    (
        "access",
        "production",
        "Production touches customers: the security board looks at the data first, then the risk board decides.",
        [("security", 1), ("risk", 1)],
        180,
    ),
    (
        "onboarding",
        "",
        "A new team needs one approval of the risk board.",
        [("risk", 1)],
        None,
    ),
)


@transaction.atomic
def load() -> bool:
    """Create the boards and policies when there are none; whether anything was created."""
    if Board.objects.exists():
        return False
    for slug, name, purpose in BOARDS:
        create_board(slug=slug, name=name, purpose=purpose, by=SYSTEM)
    for subject_kind, environment_kind, sentence, stages, validity_days in POLICIES:
        policy = Policy.objects.create(
            subject_kind=subject_kind,
            environment_kind=environment_kind,
            sentence=sentence,
            stages=[{"board": board, "quorum": quorum} for board, quorum in stages],
            validity_days=validity_days,
        )
        # Not by the verb for changing policies: that one rightly refuses a board without members, and these begin so.
        record("policy.changed", by=SYSTEM, subject=policy, stages=policy.stages, sentence=sentence)
    return True
