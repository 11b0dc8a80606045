"""The state machine of a request as a document: drawn and listed from the one table, never by hand."""

from __future__ import annotations

from approvals.states import END_STATES, START_STATES, TABLE

WHO = {
    "requester": "the requester",
    "concerned": "the requester, who decides for the tenant, or who may change the policies of governance",
    "sending": "the engine, as a part of sending: the first stage opens, or nobody has to be asked",
    "quorum": "who decides, by vote: the members of the boards, or the tenant that it is left to",
    "clock": "the portal, when nobody decided in time",
    "end": "the portal, when the validity of the approval has ended, and what it gave with it",
    "platform": "who may change the policies of governance",
    "newer": "the engine, as a newer request for the same subject is approved",
}


def described() -> str:
    """`docs/states.md`, in Markdown with a Mermaid diagram."""
    lines = [
        "# The states of a request",
        "",
        "Made from `approvals/states.py` by `python manage.py states`; a test compares the two. What is not listed",
        "cannot happen: the code refuses it, and triggers in the database refuse it once more: a step that is not",
        "listed, an approval without the quorum of each stage, a refusal that nobody voted for, a vote of who asked.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        *(f"    [*] --> {start}" for start in START_STATES),
        *(f"    {start.value} --> {step.to.value}: {verb.value}" for (start, verb), step in TABLE.items()),
        *(f"    {state} --> [*]" for state in END_STATES),
        "```",
        "",
        "| from | verb | to | who | audit |",
        "|---|---|---|---|---|",
        *(
            f"| {start.label} | {verb.label.lower()} | {step.to.label} | {WHO[step.who]} | {_entry(step.audit)} |"
            for (start, verb), step in TABLE.items()
        ),
        "",
    ]
    return "\n".join(lines)


def _entry(audit: str) -> str:
    return f"`{audit}`" if audit else "with the sending"
