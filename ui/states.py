"""The one table of states: the word, the icon and the tone a state has wherever it is shown.

A room that needs a new state adds a line here; a state never gets its own colour in a template. Tones are names of
custom properties in `static/css/atrium.css`, so colour follows the theme and is never the only sign.
"""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["neutral", "accent", "info", "good", "warn", "bad"]
TONES: tuple[Tone, ...] = ("neutral", "accent", "info", "good", "warn", "bad")


@dataclass(frozen=True, slots=True)
class State:
    """How a state is shown: `word` for people, `icon` of the sprite, `tone` for the colour."""

    word: str
    icon: str
    tone: Tone


STATES: dict[str, State] = {
    # requests, reviews and decisions
    "draft": State("Draft", "circle-dashed", "neutral"),
    "submitted": State("Submitted", "send", "info"),
    "in_review": State("In review", "eye", "info"),
    "waiting": State("Waiting", "clock", "neutral"),
    "open": State("Open", "circle-dot", "info"),
    "question": State("Question asked", "message-question", "warn"),
    "sent_back": State("Sent back", "arrow-back-up", "warn"),
    "approved": State("Approved", "circle-check", "good"),
    "approved_with_conditions": State("Approved with conditions", "list-check", "good"),
    "refused": State("Refused", "circle-x", "bad"),
    "withdrawn": State("Withdrawn", "circle-minus", "neutral"),
    "superseded": State("Superseded", "history", "neutral"),
    "decided": State("Decided", "gavel", "neutral"),
    "overdue": State("Overdue", "alert-circle", "bad"),
    "due_soon": State("Due soon", "hourglass", "warn"),
    "stale": State("Stale", "history", "warn"),
    "abstained": State("Abstained", "circle-minus", "neutral"),
    "blocked": State("Blocked", "ban", "bad"),
    "skipped": State("Skipped", "player-skip-forward", "neutral"),
    # grants, keys, memberships
    "granted": State("Granted", "circle-check", "good"),
    "request_needed": State("Request needed", "lock", "neutral"),
    "pending": State("Pending", "clock", "info"),
    "restricted": State("Restricted", "shield-lock", "warn"),
    "active": State("Active", "circle-check", "good"),
    "inactive": State("Inactive", "circle-off", "neutral"),
    "suspended": State("Suspended", "player-pause", "warn"),
    "revoked": State("Revoked", "ban", "bad"),
    "expired": State("Expired", "clock-x", "neutral"),
    "expiring": State("Expires soon", "hourglass", "warn"),
    "invited": State("Invited", "mail", "info"),
    "accepted": State("Accepted", "circle-check", "good"),
    "admitted": State("Admitted", "circle-check", "good"),
    "declined": State("Declined", "circle-x", "neutral"),
    "archived": State("Archived", "archive", "neutral"),
    "unused": State("Never used", "circle-dashed", "neutral"),
    # catalog
    "proposed": State("Proposed", "circle-dashed", "neutral"),
    "evaluated": State("Evaluated", "list-check", "info"),
    "in_use": State("In use", "circle-check", "good"),
    "published": State("Published", "circle-check", "good"),
    "preview": State("Preview", "flask", "info"),
    "deprecated": State("Deprecated", "alert-triangle", "warn"),
    "retired": State("Retired", "archive", "neutral"),
    "new": State("New", "sparkles", "accent"),
    # running things
    "ok": State("Healthy", "heartbeat", "good"),
    "healthy": State("Healthy", "heartbeat", "good"),
    "degraded": State("Degraded", "alert-triangle", "warn"),
    "down": State("Down", "plug-connected-x", "bad"),
    "idle": State("No calls", "circle-dashed", "neutral"),
    "drained": State("Drained", "player-pause", "neutral"),
    "pausing": State("Asked to wait", "clock-pause", "warn"),
    "breaker_open": State("Breaker open", "alert-octagon", "bad"),
    "breaker_probing": State("Being tried", "hourglass", "warn"),
    "unknown": State("Unknown", "question-mark", "neutral"),
    "disabled": State("Disabled", "circle-off", "neutral"),
    "queued": State("Queued", "clock", "neutral"),
    "running": State("Running", "progress", "info"),
    "done": State("Done", "check", "good"),
    "succeeded": State("Succeeded", "circle-check", "good"),
    "failed": State("Failed", "circle-x", "bad"),
    "delivered": State("Delivered", "circle-check", "good"),
    "failing": State("Failing", "alert-triangle", "warn"),
    "cancelled": State("Cancelled", "player-stop", "neutral"),
    "interrupted": State("Interrupted", "plug-connected-x", "warn"),
    "stopped": State("Stopped", "player-stop", "neutral"),
    "streaming": State("Streaming", "antenna-bars-5", "info"),
    # calls and money
    "completed": State("Completed", "check", "good"),
    "refused_call": State("Refused", "hand-stop", "warn"),
    "provider_error": State("Provider error", "cloud", "bad"),
    "unpriced": State("Not priced", "currency-dollar", "warn"),
    "within_budget": State("Within budget", "circle-check", "good"),
    "near_budget": State("Near budget", "alert-triangle", "warn"),
    "over_budget": State("Over budget", "alert-octagon", "bad"),
    # audit
    "sealed": State("Sealed", "certificate", "good"),
    "verified": State("Verified", "shield-check", "good"),
    "broken": State("Broken", "link-off", "bad"),
    # environments
    "development": State("Development", "flask", "info"),
    "test": State("Test", "test-pipe", "warn"),
    "production": State("Production", "rocket", "bad"),
    # provenance
    "demonstration": State("Demonstration", "flask-2", "accent"),
}


def state(code: str) -> State:
    """The state named `code`; an unknown code is shown by its own words, never hidden and never an error."""
    code = str(code or "unknown")
    if known := STATES.get(code.lower().replace("-", "_").replace(" ", "_")):
        return known
    return State(code.replace("_", " ").replace("-", " ").capitalize(), "circle", "neutral")
