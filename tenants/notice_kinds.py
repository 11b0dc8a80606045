"""The kinds of notifications: what each is about, and how its mail leaves where nobody chose otherwise.

Every call of `tenants.notifications.notify` names one. The bell always rings; mails are of the room `notices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AT_ONCE: Final = "at-once"
DAILY: Final = "daily"
NEVER: Final = "never"
HOW = {AT_ONCE: "At once", DAILY: "In a daily summary", NEVER: "Not by e-mail"}


@dataclass(frozen=True, slots=True)
class Kind:
    """`mail` is one of `HOW`. What is of security owners cannot silence for others, only each for themselves."""

    slug: str
    name: str
    sentence: str
    mail: str
    is_security: bool = False


_ALL = (
    Kind("turn", "Waits for you", "A vote, an invitation or a question that nobody but you can answer.", AT_ONCE),
    Kind("decision", "Decisions", "What became of what you asked for.", AT_ONCE),
    Kind("keys", "Keys", "A key or token has leaked or is about to expire.", AT_ONCE, is_security=True),
    Kind("platform", "Platform", "What the platform team must look at: audit, boards, isolation.", AT_ONCE, True),
    Kind("webhooks", "Webhooks", "An address that hears of events was switched off after failures.", AT_ONCE),
    Kind("onboarding", "Onboarding", "How far the setting up of your team is.", AT_ONCE),
    Kind("conversation", "Conversation", "Somebody writes on a request that you take part in.", DAILY),
    Kind("membership", "Membership", "You were let in or taken out, or who you invited answered.", DAILY),
    Kind("access", "Access", "Access to a model was revoked or ends soon.", DAILY),
    Kind("limits", "Limits and budgets", "A budget nears its end.", DAILY),
    Kind("tenant", "Tenant", "Your tenant was archived, restored or changed.", DAILY),
)

KINDS: dict[str, Kind] = {kind.slug: kind for kind in _ALL}
