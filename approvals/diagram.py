"""The state machine of a request as a document: drawn and listed from the one table, never by hand."""

from __future__ import annotations

from approvals.states import OPEN_STATES, TABLE, State

WHO = {
    "quorum": "who decides, by vote: the members of the boards, or the tenant that it is left to",
    "requester": "the requester",
    "clock": "the portal, when nobody decided in time",
}


def described() -> str:
    """`docs/states.md`, in Markdown with a Mermaid diagram."""
    lines = [
        "# The states of a request",
        "",
        "Made from `approvals/states.py` by `python manage.py states`; a test compares the two. What is not listed",
        "cannot happen: the code refuses it, and a trigger in the database refuses it once more.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {State.IN_REVIEW.value}: submit",
        *(f"    {start.value} --> {step.to.value}: {verb.value}" for (start, verb), step in TABLE.items()),
        *(f"    {state.value} --> [*]" for state in State if state.value not in OPEN_STATES),
        "```",
        "",
        "| from | verb | to | who | audit |",
        "|---|---|---|---|---|",
        *(
            f"| {start.label} | {verb.label.lower()} | {step.to.label} | {WHO[step.who]} | `{step.audit}` |"
            for (start, verb), step in TABLE.items()
        ),
        "",
    ]
    return "\n".join(lines)
