"""The time of one call as bars under each other: what happened when, in a sentence each, and where it is drawn.

Calls from before `Call.timing` was kept, and those whose process died, have the little that their columns say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from django.urls import NoReverseMatch, reverse

from catalog.authority import PERMISSION
from catalog.models import Deployment
from tenants.models import User
from ui.formatting import duration_ms
from usage.models import Call
from usage.timing import Attempt, Timing

WIDE = 1000  # of a drawing
# By the code of why a deployment was left (gateway.failures).
LEFT = {
    "provider_busy": "it took no more calls",
    "provider_unreachable": "it could not be reached",
    "provider_dropped": "it broke the connection off",
    "provider_timeout": "it did not answer in time",
    "provider_malformed": "what it sent cannot be understood",
    "provider_misconnected": "it did not accept our connection",
    "provider_rejected_request": "it did not accept the request",
    "context_length_exceeded": "the prompt was longer than it holds",
    "call_too_long": "the call had had all its time",
}
WAITING, FIRST, ANSWERING, FAILED, OURS = "waiting", "first", "answering", "failed", "ours"


@dataclass(frozen=True)
class Part:
    """A piece of a bar. `tone` says what it was spent with."""

    x: float
    width: float
    tone: str


@dataclass
class Bar:
    """One thing that took time: `from_ms` since the call was admitted (what came before is negative), for `ms`.
    `state` is a key of the table of states (empty: nothing to say), `href` leads to the deployment."""

    name: str
    sentence: str
    from_ms: int
    ms: int
    stretches: list[tuple[int, int, str]]
    state: str = ""
    href: str = ""
    parts: list[Part] = field(default_factory=list)


def waterfall_of(call: Call, viewer: object) -> list[Bar]:
    """The bars of `call`, in order; `viewer` gets links to the deployments that they look after."""
    timing: Timing | None = call.timing
    bars = list(_bars(call, timing, _linked(timing, viewer)) if timing else _by_columns(call))
    begins = min(each.from_ms for each in bars)
    whole = max(max(each.from_ms + each.ms for each in bars) - begins, 1)
    for bar in bars:
        bar.parts = [_part(since - begins, until - begins, whole, tone) for since, until, tone in bar.stretches]
    return bars


def _part(since: int, until: int, whole: int, tone: str) -> Part:
    """Never too narrow to be seen, nor beyond the drawing."""
    width = max(WIDE * (until - since) / whole, 3)
    return Part(round(min(WIDE * since / whole, WIDE - width), 1), round(width, 1), tone)


def _bars(call: Call, timing: Timing, linked: Collection[str]) -> Iterator[Bar]:
    reading, admission = timing["reading_ms"], timing["admission_ms"]
    if reading:
        yield _plain("Arriving", "Until the request was here and read.", -reading - admission, -admission, OURS)
    yield _plain("Admission", "Key, grant and limits were checked, budgets reserved.", -admission, 0, OURS)
    happened: list[tuple[int, Bar]] = [
        (since, _plain("Waiting for room", "Every deployment had as many calls as it takes.", since, until, WAITING))
        for since, until in timing["waits"]
    ]
    attempts, last = timing["attempts"], len(timing["attempts"]) - 1
    left_out = (call.attempts or 0) - len(attempts)
    for number, attempt in enumerate(attempts):
        bar = _attempt(call, attempt, number, is_last=number == last)
        if left_out and number == last:
            bar.sentence += f" {left_out} attempts before it are not kept."
        if attempt["deployment"] in linked:
            bar.href = _address(attempt["deployment"])
        happened.append((attempt["began_ms"], bar))
    yield from (bar for _, bar in sorted(happened, key=lambda each: each[0]))
    ended = attempts[-1].get("ended_ms") if attempts else None
    if ended is not None:
        yield _plain("Settlement", "Tokens were counted and priced.", ended, max(call.duration_ms, ended), OURS)


def _attempt(call: Call, attempt: Attempt, number: int, *, is_last: bool) -> Bar:
    began = attempt["began_ms"]
    ended = attempt.get("ended_ms", max(call.duration_ms, began))
    sent = attempt.get("sent_ms", began)
    answered = attempt.get("answered_ms")
    if is_last and call.first_token_ms is not None and answered is not None:
        answered = min(max(answered, call.first_token_ms), ended)
    stretches = [(began, sent, OURS)] if sent > began else []
    if answered is None:
        stretches.append((sent, ended, FAILED if "failure" in attempt else FIRST))
    else:
        stretches += [(sent, answered, FIRST), (answered, ended, FAILED if "failure" in attempt else ANSWERING)]
    sentence = _why_asked(call, attempt, number) + _how_it_went(call, attempt, sent, answered, ended)
    state = "failed" if "failure" in attempt else "completed" if call.outcome == Call.Outcome.OK else ""
    name = f"{attempt['upstream_name']} at {attempt['provider']}"
    return Bar(name, sentence, began, ended - began, stretches, state)


def _why_asked(call: Call, attempt: Attempt, number: int) -> str:
    if fallback := attempt.get("fallback"):
        return f"Asked by the fallback “{fallback}”, as “{call.route}” could not answer"
    return "Asked first" if number == 0 else "Asked as the next one"


def _how_it_went(call: Call, attempt: Attempt, sent: int, answered: int | None, ended: int) -> str:
    kept = f", sent once its opening was safe, {_ms(sent - attempt['began_ms'])} later" if "sent_ms" in attempt else ""
    if failure := attempt.get("failure"):
        status = f" (status {attempt['status']})" if "status" in attempt else ""
        return f"{kept}; left, because {LEFT.get(failure, 'it failed')}{status}."
    if answered is None:
        return f"{kept}; had not answered when the call ended."
    if not call.is_streamed:
        return f"{kept}; the answer came whole after {_ms(answered - sent)}."
    return f"{kept}; the first token after {_ms(answered - sent)}, then {_ms(ended - answered)} of answer."


def _ms(milliseconds: int) -> str:
    return duration_ms(milliseconds) if milliseconds else "less than 1 ms"


def _by_columns(call: Call) -> Iterator[Bar]:
    """What the row says without `timing`: waiting, until the first token, writing."""
    whole, first = call.duration_ms, call.first_token_ms
    waited = min(call.waited_ms or 0, whole)
    if waited:
        yield _plain("Waiting for room", "Every deployment had as many calls as it takes.", 0, waited, WAITING)
    if first is None or not waited <= first <= whole:
        yield _plain("Whole answer", "From being sent until its end.", waited, whole, ANSWERING)
        return
    yield _plain("Until the first token", "The deployment was reading and thinking.", waited, first, FIRST)
    yield _plain("Writing the answer", "From the first token to the last.", first, whole, ANSWERING)


def _plain(name: str, sentence: str, since: int, until: int, tone: str) -> Bar:
    return Bar(name, sentence, since, until - since, [(since, until, tone)])


def _linked(timing: Timing | None, viewer: object) -> Collection[str]:
    """The deployments that are still there, for who looks after them."""
    if timing is None or not isinstance(viewer, User) or not viewer.has_perm(PERMISSION):
        return ()
    asked = {each["deployment"] for each in timing["attempts"]}
    return {str(key) for key in Deployment.objects.filter(pk__in=asked).values_list("pk", flat=True)}


def _address(deployment: str) -> str:
    try:
        return reverse("catalog:deployment", args=[deployment])
    except NoReverseMatch:
        return ""
