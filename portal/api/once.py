"""`Idempotency-Key` on every POST of the API: sent again, a request is answered again and not done again.

After draft-ietf-httpapi-idempotency-key-header: the same key with the same body replays the kept answer (its header
`Idempotency-Replayed: true` says so), with another body or address it is refused (422), and while the first sending is
still under way the second is refused too (409). Keys live for `tenants.once.KEPT_FOR` and belong to one person. An
answer that was an error is not kept: mend what it named and send the same key again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.db import transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from refusals.errors import Conflict, Invalid
from tenants import once
from tenants.models import Sending, User
from tenants.secrets import keyed_hash

HEADER = "Idempotency-Key"
LONGEST_KEY = 190
SHOWN_ONCE = "secret"
Handler = Callable[..., Response]


class KeyNotUnderstood(Invalid):
    code = "idempotency_key_invalid"


class KeyUsedOtherwise(Invalid):
    code = "idempotency_key_reused"


class StillUnderWay(Conflict):
    code = "idempotency_key_in_use"
    title = "The same request is still under way"


class Once:
    """Mixed into every view set of the API by `Router`."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the caller was let in, let a POST with a key pass through the claim of that key."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None or getattr(self, "action", "") in getattr(self, "claims_keys", ()):
            return
        if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise KeyNotUnderstood(f"“{HEADER}” is 1 to {LONGEST_KEY} printable characters, such as a UUID.")
        handler: Handler = vars(self)["post"]  # set by `as_view` for the action
        vars(self)["post"] = partial(_once, f"api:{key}", handler)


def _once(key: str, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
    person, operation = cast(User, request.user), f"POST {request.path}"[:300]
    digest = keyed_hash(json.dumps(request.data, sort_keys=True, default=str))
    with transaction.atomic():
        if not once.try_lock(person, key):
            raise StillUnderWay("The first sending with this key is not done yet. Ask again in a moment.")
        kept = once.find(person, key)
        if kept is not None:
            return _again(kept, operation, digest)
        response = handler(request, *args, **kwargs)
        answer: Any = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
        withheld = isinstance(answer, dict) and SHOWN_ONCE in answer
        if withheld:
            answer[SHOWN_ONCE] = None
        Sending.objects.create(
            user=person,
            key=key,
            operation=operation,
            request_hash=digest,
            status=response.status_code,
            answer={"body": answer},
            withheld=withheld,
        )
    return response


def _again(kept: Sending, operation: str, digest: str) -> Response:
    if (kept.operation, kept.request_hash) != (operation, digest):
        raise KeyUsedOtherwise("This key was used for another request. Take a new key for every new request.")
    headers = {"Idempotency-Replayed": "true"}
    if kept.withheld:
        headers["Idempotency-Withheld"] = SHOWN_ONCE
    return Response(kept.answer["body"], status=kept.status, headers=headers)


class Router(DefaultRouter):
    """The router of the API: what a room registers honours `Idempotency-Key`."""

    include_format_suffixes = False

    def register(self, prefix: str, viewset: type[Any], basename: str | None = None) -> None:
        facts = {"__doc__": viewset.__doc__, "__module__": viewset.__module__}
        super().register(prefix, type(viewset.__name__, (Once, viewset), facts), basename)
