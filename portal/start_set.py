"""What every installation begins with: the governance boards, and the policies that say which of them decide on what.

Boards begin without members; the platform team seats people. Loading a second time changes nothing.
"""

from __future__ import annotations

from django.db import transaction

from approvals.boards import create_board
from approvals.models import Board, Policy
from approvals.policies import slug_of
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
    (
        "limits",
        "",
        "More than a tenant may set itself needs one approval of the risk board.",
        [("risk", 1)],
        None,
    ),
    (
        "key",
        "",
        "Where the platform decides on keys, the security board looks at each.",
        [("security", 1)],
        None,
    ),
    (
        "delegation",
        "",
        "Who decides is changed with the word of the security board and of the risk board.",
        [("security", 1), ("risk", 1)],
        None,
    ),
)


@transaction.atomic
def load() -> bool:
    """Create the boards when there are none, and the policies of kinds that never had one and whose boards are there,
    as after an update; whether anything was created."""
    is_new = not Board.objects.exists()
    for slug, name, purpose in BOARDS if is_new else ():
        create_board(slug=slug, name=name, purpose=purpose, by=SYSTEM)
    there = set(Board.objects.values_list("slug", flat=True))
    known = set(Policy.objects.values_list("subject_kind", flat=True))
    for subject_kind, environment_kind, sentence, stages, validity_days in POLICIES:
        if subject_kind in known or not there.issuperset(board for board, _ in stages):
            continue
        is_new = True
        policy = Policy.objects.create(
            slug=slug_of(subject_kind, environment_kind),
            subject_kind=subject_kind,
            environment_kind=environment_kind,
            sentence=sentence,
            stages=[{"board": board, "quorum": quorum} for board, quorum in stages],
            validity_days=validity_days,
        )
        # Not by the verb for changing policies: that one rightly refuses a board without members, and these begin so.
        record("policy.changed", by=SYSTEM, subject=policy, stages=policy.stages, sentence=sentence)
    return is_new
