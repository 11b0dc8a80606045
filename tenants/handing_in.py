"""How often somebody from outside may hand in what they found, and how much at once."""

from __future__ import annotations

from allauth.core import ratelimit
from django.http import HttpRequest

from refusals import Refusal

LARGEST_BODY = 32 * 1024
TRIES = "secret_handed_in"  # in `ACCOUNT_RATE_LIMITS`, counted by address as failed sign-ins are
AGAIN_AFTER_S = 60
THANKS = "Thank you. If this is a key or a token of ours that still worked, it is revoked now and its people are told."


class TooOften(Refusal):
    code = "too_many_requests"
    status = 429
    title = "Please wait a moment"


class TooMuch(Refusal):
    code = "request_too_large"
    status = 413
    title = "That is too much at once"


def require_room(request: HttpRequest) -> None:
    """Raise `TooMuch` for a body over `LARGEST_BODY`, before it is read, and `TooOften` for an address that asks often.

    What was found in a text plays no part in either.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdigit() or int(announced) > LARGEST_BODY:
        raise TooMuch(f"Send at most {LARGEST_BODY // 1024} KB: the key alone, or the lines around it.")
    if not ratelimit.consume(request, action=TRIES):
        raise TooOften("Too much was handed in from your address. Try again in a minute.", retry_after_s=AGAIN_AFTER_S)
