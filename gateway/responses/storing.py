"""Decide whether the answer to a call is stored, so that programs reach it by a name: where its environment keeps what
is asked and answered, whole and of every call. It is then the content of the call (`gateway.bodies`), and ends with it.

Whether it is stored is told at the very end, once it is on the disk of this machine; the database gets it right after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.attachments import parts_beside_text
from gateway.wire_errors import absolute
from usage.bodies.responses import response_name

if TYPE_CHECKING:
    from gateway.asked import Asked
    from gateway.bodies.keeper import Unstored
    from gateway.bodies.rules import Rule
    from gateway.caller import Caller
    from gateway.forms.form import Writing
    from gateway.pipeline import Call

NOT_CAUGHT = "What is kept in its environment was changed just as it was asked."
WHY: dict[Unstored, str] = {
    "has_not_failed": NOT_CAUGHT,
    "too_many_at_once": "The gateway had too much else to keep at the moment.",
    "process_ends": "The gateway was being stopped.",
    "spool_unwritable": "The gateway's place for content is full, or cannot be written.",
    "broken": "Something broke on our side as it was written down.",
    "too_long": "What was asked or answered is longer than what is kept of it.",
    "has_media": "There are pictures, sound or files in it, and none are kept in its environment.",
}


def begin_to_store(call: Call, writing: Writing, rule: Rule | None) -> None:
    """Have `writing` say that the answer to `call` is stored, unless it is not wanted or `rule`, what its environment
    keeps, does not allow it; then `call` says why, where it was wanted."""
    asked, caller = call.admitted.asked, call.admitted.caller
    wanted = asked.body.get("store")
    if wanted is False:
        return
    rule = call.caught.rule if call.caught is not None else rule
    why = why_not(rule, asked, caller)
    if why or rule is None or call.caught is None:
        call.not_stored = (why or NOT_CAUGHT) if wanted else ""
        return
    writing.stores(response_name(rule.secret, caller.environment_id, call.id))


async def end_of(call: Call, writing: Writing, end: bytes) -> bytes:
    """`end`, the end of an answer, once it is stored where it says that it is; else as it says that it is not."""
    if (answer := writing.stored) is None or (why := await call.store(answer)) is None:
        return end
    call.not_stored = WHY[why] if call.admitted.asked.body.get("store") else ""
    return writing.unstored()


def why_not(rule: Rule | None, asked: Asked, caller: Caller) -> str:
    """Why no answer to what is `asked` is stored; empty where it is."""
    keeping, where = (rule.keeping if rule is not None else None), caller.environment_path
    if keeping is None or not (keeping.prompts and keeping.answers):
        return f"{where} does not keep both what is asked and what is answered. {_who_says(caller)}"
    if keeping.only_failed:
        return f"{where} keeps calls that failed alone. {_who_says(caller)}"
    if keeping.share < 100:
        kept = f"{where} keeps {keeping.share} of a hundred calls, and a response is stored where all are kept."
        return f"{kept} {_who_says(caller)}"
    if not keeping.media and parts_beside_text(asked.neutral.get("messages")):
        return f"{where} keeps no pictures, sound or files, so not this conversation. {_who_says(caller)}"
    return ""


def _who_says(caller: Caller) -> str:
    tenant = caller.environment_path.partition("/")[0]
    return f"Who may manage it says what is kept: {absolute(f'/tenants/{tenant}/content/')}"
