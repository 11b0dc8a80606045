"""Read the stored conversation that a request goes on from, and put it in front of what the request says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings

from gateway.asked import Asked, GoesOn, InvalidRequest, Stated
from gateway.bodies.rules import Rule
from gateway.caller import Caller
from gateway.costing import weighed
from gateway.extent import HEAVY, check_extent
from gateway.forms.form import Form
from gateway.forms.responses.conversation import Turn, goes_on
from gateway.forms.responses.request import PREVIOUS
from gateway.responses.refusals import ConversationTooLarge, NothingStored, PreviousNotFound
from gateway.responses.store import Place, Sealed, Store
from gateway.responses.storing import why_not
from usage.bodies.responses import call_named
from usage.bodies.sealing import Unreadable

if TYPE_CHECKING:
    from gateway.wire import Exchange


def previous_in(body: Any) -> str:
    """The response that a request goes on from; empty where it goes on from none. Raises `InvalidRequest`."""
    previous = body.get(PREVIOUS) if isinstance(body, dict) else None
    if previous is not None and not isinstance(previous, str):
        raise InvalidRequest(f"“{PREVIOUS}” must be a text: the “id” of a response.", field=PREVIOUS)
    return previous or ""


async def asked_with_all_before(
    exchange: Exchange, form: Form, body: dict[str, Any], store: Store, rule: Rule | None, caller: Caller
) -> Asked:
    """What `body` asks, with the whole conversation that it goes on from.

    Raises what `form.read` raises, `NothingStored`, `PreviousNotFound`, `ConversationTooLarge`, `TooMuchInIt`,
    `StoreUnreachable`, `StoreBusy`, and what refuses who may make no call.
    """
    name = previous_in(body)
    bare = {name: value for name, value in body.items() if name != PREVIOUS}
    # Nonsense costs no look at the database.
    alone = await exchange.made(exchange.body_bytes, lambda: form.read(bare)) if exchange.is_heavy else form.read(bare)
    if rule is None:
        raise NothingStored(
            f"“{PREVIOUS}” names a stored response, and none is stored here: {why_not(None, alone, caller)} "
            "Send the whole conversation as “input”.",
            field=PREVIOUS,
        )
    call = call_named(rule.secret, caller.environment_id, name)
    place = Place(caller.tenant_id, caller.environment_id, rule.secret)
    exchange.is_getting_heavy()  # a hundred bytes may name twenty megabytes
    chain = await store.chain(place, call) if call is not None else None
    if chain is not None and chain.is_full:
        raise ConversationTooLarge(
            f"A conversation may have {len(chain.calls):,} responses, and that one is the last of as many. Send what "
            "is needed of them as “input”.",
            field=PREVIOUS,
        )
    if call is None or chain is None or not chain.is_whole:
        raise _not_found(name)
    if chain.size > settings.GATEWAY_LARGEST_BODY:
        raise ConversationTooLarge(
            f"The conversation up to that response has {chain.size:,} bytes, and a request may have "
            f"{settings.GATEWAY_LARGEST_BODY:,}. Send what is needed of it as “input”.",
            field=PREVIOUS,
        )
    if (contents := await store.contents(place, chain)) is None:
        raise _not_found(name)
    is_heavy = exchange.is_heavy or chain.size > HEAVY

    end_users = tuple(sorted(frozenset[str]().union(*(sealed.end_user_hashes for sealed in contents))))

    def made() -> Asked:
        whole = goes_on([turn_of(sealed, place) for sealed in contents], body)
        check_extent(orjson.dumps(whole))  # each of its turns was held to it alone
        asked = form.read(whole)
        return replace(weighed(asked) if is_heavy else asked, goes_on=GoesOn(body, call, end_users))

    try:
        asked = await exchange.made(exchange.body_bytes + chain.size, made) if is_heavy else made()
    except Unreadable as unreadable:
        raise _not_found(name) from unreadable
    before = frozenset[str]().union(*(sealed.data_classes for sealed in contents))
    return replace(asked, stated=Stated("", None, before)) if before else asked


def turn_of(sealed: Sealed, place: Place) -> Turn:
    """A stored response with what it was asked. Raises `Unreadable`."""
    prompt, answer = sealed.opened(place)
    return Turn(sealed.call, orjson.loads(prompt), orjson.loads(answer))


def _not_found(name: str) -> PreviousNotFound:
    return PreviousNotFound(
        f"There is no stored response “{name[:80]}” that this environment can go on from: it, or one before it in the "
        "conversation, was deleted, is over its time, or never was. Send the whole conversation as “input”.",
        field=PREVIOUS,
    )
