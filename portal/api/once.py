"""`Idempotency-Key` on every POST of the API: sent again, a request is answered again and not done again.

After draft-ietf-httpapi-idempotency-key-header: the same key with the same body replays the kept answer (its header
`Idempotency-Replayed: true` says so), with another body or address it is refused (422), and while the first sending is
still under way the second is refused too (409, `Retry-After`). Keys live for `tenants.once.KEPT_FOR`, belong to one
person and are kept hashed. An answer that was an error is not kept: mend what it named and send the same key again.

What only writes the database does so in the transaction that keeps the answer: a process that dies leaves neither.
What a view names in `reaches_outside` (it calls a model or a provider) must hold no transaction meanwhile: there the
key is claimed first, and the answer kept afterwards. A process that dies in between leaves the claim. Whether the deed
was done cannot be known then, so it is never done again by itself: the key is answered with
`idempotency_outcome_unknown` (409), after `once.LONGEST` or at once where the end was seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import structlog
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import Http404
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from refusals import Refusal
from refusals.errors import Conflict, Invalid
from tenants import once
from tenants.models import Sending, User
from tenants.secrets import keyed_hash

logger = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
LONGEST_KEY = 190
SHOWN_ONCE = "secret"
ANSWERED = (Refusal, APIException, Http404, PermissionDenied)  # errors that tell the caller why nothing was done
Handler = Callable[..., Response]


class KeyNotUnderstood(Invalid):
    code = "idempotency_key_invalid"


class KeyUsedOtherwise(Invalid):
    code = "idempotency_key_reused"


class StillUnderWay(Conflict):
    code = "idempotency_key_in_use"
    title = "The same request is still under way"


class OutcomeUnknown(Conflict):
    code = "idempotency_outcome_unknown"
    title = "Whether this was done is not known"


class Once:
    """Mixed into every view set of the API by `Router`."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the caller was let in, let a POST with a key pass through the claim of that key."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None or not request.user.is_authenticated:
            return  # nobody's keys are kept: what anybody may send does the same when it is sent again
        if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise KeyNotUnderstood(f"“{HEADER}” is 1 to {LONGEST_KEY} printable characters, such as a UUID.")
        reaches_outside = getattr(self, "action", "") in getattr(self, "reaches_outside", ())
        handler: Handler = vars(self)["post"]  # set by `as_view` for the action
        sent = partial(_claimed if reaches_outside else _in_one_transaction, f"api:{keyed_hash(key)}", handler)
        vars(self)["post"] = sent


def _in_one_transaction(key: str, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
    with transaction.atomic():
        claim = _claim(key, request)
        if isinstance(claim, Response):
            return claim
        response = handler(request, *args, **kwargs)
        _keep(claim, response)
    return response


def _claimed(key: str, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
    with transaction.atomic():
        claim = _claim(key, request)
    if isinstance(claim, Response):
        return claim
    try:
        response = handler(request, *args, **kwargs)
    except ANSWERED:
        claim.delete()
        raise
    except BaseException:
        try:
            once.lose(claim)
        except DatabaseError as error:  # then the claim grows old instead, which says the same later
            logger.warning("idempotency_claim_left", error=str(error))
        raise
    try:
        _keep(claim, response)
    except DatabaseError as error:  # what was done is told now, and by this key no more
        logger.warning("idempotency_answer_not_kept", error=str(error))
    return response


def _claim(key: str, request: Request) -> Sending | Response:
    """A new claim of `key`, or what is answered to a second sending."""
    person, operation = cast(User, request.user), f"POST {request.path}"[:300]
    digest = keyed_hash(json.dumps(request.data, sort_keys=True, default=str))
    if not once.try_lock(person, key):
        raise _still_under_way()
    kept = once.find(person, key)
    if kept is not None:
        return _again(kept, operation, digest)
    return Sending.objects.create(user=person, key=key, operation=operation, request_hash=digest)


def _keep(claim: Sending, response: Response) -> None:
    answer: Any = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
    claim.withheld = isinstance(answer, dict) and SHOWN_ONCE in answer
    if claim.withheld:
        answer[SHOWN_ONCE] = None
    claim.status, claim.answer = response.status_code, {"body": answer}
    claim.save(update_fields=["status", "answer", "withheld"])


def _again(kept: Sending, operation: str, digest: str) -> Response:
    if (kept.operation, kept.request_hash) != (operation, digest):
        raise KeyUsedOtherwise("This key was used for another request. Take a new key for every new request.")
    if once.is_lost(kept):
        raise OutcomeUnknown(
            "What worked on the first sending ended before it answered: it may have been done in full, in part or not "
            "at all. Look at what is there; to ask anew, send a new key."
        )
    if kept.status == once.UNDER_WAY:
        raise _still_under_way()
    headers = {"Idempotency-Replayed": "true"}
    if kept.withheld:
        headers["Idempotency-Withheld"] = SHOWN_ONCE
    return Response(kept.answer["body"], status=kept.status, headers=headers)


def _still_under_way() -> StillUnderWay:
    return StillUnderWay("The first sending with this key is not done yet. Ask again in a moment.", retry_after_s=2)
