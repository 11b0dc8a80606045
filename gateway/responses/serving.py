"""`/v1/responses/{id}` and what lies below it: a stored response is read, deleted, and asked for what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from gateway.asked import InvalidRequest
from gateway.bodies.rules import Rule
from gateway.caller import Caller
from gateway.extent import HEAVY
from gateway.forms.responses.conversation import listed
from gateway.operations import no_such, require
from gateway.responses.going_on import turn_of
from gateway.responses.refusals import CannotBeCancelled, PreviousNotFound, ResponseNotFound
from gateway.responses.store import Place, Sealed, Store
from usage.bodies.responses import call_named
from usage.bodies.sealing import Unreadable

if TYPE_CHECKING:
    from uuid import UUID

    from gateway.wire import Exchange

MOST_ITEMS, USUAL_ITEMS = 100, 20  # of a page (OpenAI, "List input items")


@dataclass(frozen=True, slots=True)
class _Named:
    """A response that this environment can have, by its name."""

    name: str
    place: Place
    call: UUID


async def serve(exchange: Exchange, store: Store, rule: Rule | None, caller: Caller, rest: str) -> None:
    """Answer a request for `/v1/responses/` and `rest`. Raises the refusals of `gateway.responses`."""
    name, _, part = rest.partition("/")
    match part:
        case "":
            require(exchange, "GET", "DELETE")
            named = _named(name, rule, caller)
            answer = await (_read if exchange.method == "GET" else _delete)(exchange, store, named)
        case "input_items":
            require(exchange, "GET")
            page = Page.of(exchange.query)
            answer = await _items(exchange, store, _named(name, rule, caller), page)
        case "cancel":
            require(exchange, "POST")
            await _found(store, _named(name, rule, caller))
            raise CannotBeCancelled(
                "Only a response in the background can be cancelled, and none is made here: this one came to its end "
                "before it was stored. To end one that is being streamed, close the connection."
            )
        case _:
            raise no_such(exchange)
    await exchange.answer(200, answer)


async def _read(exchange: Exchange, store: Store, named: _Named) -> bytes:
    if _parameters(exchange.query).get("stream", "").lower() in ("true", "1"):
        raise InvalidRequest(
            "A stored response is read as a whole: only one in the background can be streamed later, and none is made "
            "here. Leave “stream” out.",
            field="stream",
        )
    sealed = await _found(store, named)
    try:
        return sealed.opened(named.place)[1]
    except Unreadable as unreadable:
        raise _not_found(named.name) from unreadable


async def _delete(exchange: Exchange, store: Store, named: _Named) -> bytes:
    if not await store.delete(named.place, named.call):
        raise _not_found(named.name)
    return orjson.dumps({"id": named.name, "object": "response", "deleted": True})


async def _items(exchange: Exchange, store: Store, named: _Named, page: Page) -> bytes:
    if (chain := await store.chain(named.place, named.call)) is None:
        raise _not_found(named.name)
    if not chain.is_whole or (contents := await store.contents(named.place, chain)) is None:
        raise PreviousNotFound(
            f"What “{named.name}” was asked cannot be listed: it, or one before it in the conversation, was deleted or "
            "is over its time."
        )

    def made() -> bytes:
        return page.taken(listed([turn_of(sealed, named.place) for sealed in contents]))

    try:
        return await exchange.made(chain.size, made) if chain.size > HEAVY else made()
    except Unreadable as unreadable:
        raise _not_found(named.name) from unreadable


async def _found(store: Store, named: _Named) -> Sealed:
    if (sealed := await store.one(named.place, named.call)) is None:
        raise _not_found(named.name)
    return sealed


def _named(name: str, rule: Rule | None, caller: Caller) -> _Named:
    call = call_named(rule.secret, caller.environment_id, name) if rule is not None else None
    if rule is None or call is None:
        raise _not_found(name)
    return _Named(name, Place(caller.tenant_id, caller.environment_id, rule.secret), call)


def _not_found(name: str) -> ResponseNotFound:
    """The same for what never was, what is another's, and what is gone."""
    return ResponseNotFound(f"There is no stored response “{name[:80]}” in this environment.")


@dataclass(frozen=True, slots=True)
class Page:
    """Which items are asked for: at most `limit` after the one called `after`, the newest first or last."""

    after: str
    limit: int
    is_newest_first: bool

    @classmethod
    def of(cls, query: bytes) -> Page:
        """As the address says. Raises `InvalidRequest`."""
        told = _parameters(query)
        limit, order = told.get("limit", str(USUAL_ITEMS)), told.get("order", "desc")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_ITEMS):
            raise InvalidRequest(f"“limit” must be a whole number from 1 to {MOST_ITEMS}.", field="limit")
        if order not in ("asc", "desc"):
            raise InvalidRequest("“order” must be asc or desc.", field="order")
        return cls(told.get("after", ""), int(limit), order == "desc")

    def taken(self, items: list[dict[str, Any]]) -> bytes:
        """The page of `items`, which are in their order. Raises `InvalidRequest` where the one to go on after is not
        among them."""
        ordered = items[::-1] if self.is_newest_first else items
        if self.after:
            places = [place for place, item in enumerate(ordered) if item.get("id") == self.after]
            if not places:
                raise InvalidRequest(f"There is no item “{self.after[:80]}” to go on after.", field="after")
            ordered = ordered[places[0] + 1 :]
        page = ordered[: self.limit]
        return orjson.dumps({
            "object": "list", "data": page, "has_more": len(ordered) > len(page),
            "first_id": page[0].get("id") if page else None, "last_id": page[-1].get("id") if page else None,
        })  # fmt: skip


def _parameters(query: bytes) -> dict[str, str]:
    """Of an address that was looked through already (`gateway.leaked`)."""
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
