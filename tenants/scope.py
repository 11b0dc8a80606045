"""Wall one: for whom the database is asked.

Every touch of a tenant's rows, read or write, happens within a *scope*: that of the person who asks, of one tenant, or
of everything with a reason. Without one the statement is refused before it is sent (`portal.database.wall`). A request
gets the scope of its person (`portal.request_scope`). What is no request (a job, a command, a thread of the gateway)
says its own as soon as it knows it.

A scope is kept in a context variable: it follows `await`, `sync_to_async` and tasks begun within it. A thread begins
without one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from tenants.models import Tenant, User
    from tenants.security.closing import Asked, Closed
    from tenants.whence import Whence


class Unscoped(RuntimeError):
    """A tenant's rows were about to be touched, and nobody said for whom. This is a mistake in our code."""


@dataclass(frozen=True, slots=True)
class Scope:
    """`tenants` are the keys of those that may be touched (None: every one), `person` is who asks (None: Atrium itself
    or nobody), `because` says why in a few words.

    `whence` is how the person comes, `closed` are the tenants of theirs that are closed to them as they come, `later`
    those that will be, for want of a second factor (`tenants.security`). `kept` is what was read for the person and
    need not be read again at once.
    """

    tenants: frozenset[UUID] | None
    because: str
    person: UUID | None = None
    whence: Whence | None = None
    closed: tuple[Closed, ...] = ()
    later: tuple[Asked, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


NOBODY = Scope(frozenset(), "nobody is signed in")

# Either a scope, or how to find it once it is needed: a request that fails early never asks who sent it.
InForce = Scope | Callable[[], Scope] | None
_current: ContextVar[InForce] = ContextVar("atrium_scope", default=None)


def is_set() -> bool:
    """Whether anybody said for whom the database is asked."""
    return _current.get() is not None


def in_force() -> InForce:
    """What is in force, to enter it again elsewhere (a thread, what is streamed after the answer)."""
    return _current.get()


def current() -> Scope:
    """The scope in force. Raises `Unscoped`."""
    found = _current.get()
    if found is None:
        raise Unscoped("No scope is in force here. Enter one: `with only(tenant):` or `with everything(reason):`.")
    if not isinstance(found, Scope):
        with within(Scope(None, "who is asking is looked up")):
            found = found()
        _current.set(found)
    return found


@contextmanager
def within(scope: InForce) -> Iterator[None]:
    """Enter `scope`, or what a function finds when it is first needed; None leaves every scope (for tests of it)."""
    entered = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(entered)


def act_as(person: User, whence: Whence) -> None:
    """The rest of this request is done by `person`, who signed in or whose token was recognised in its course."""
    _current.set(lambda: of_person(person, whence))


def widen(tenants: Iterable[UUID], because: str) -> None:
    """Let the rest of this request reach `tenants` too, of which the person may see a part for the reason given."""
    held = current()
    more = frozenset(tenants)
    if held.tenants is not None and not more <= held.tenants:
        _current.set(replace(held, tenants=held.tenants | more, because=f"{held.because}; {because}"))


class _Entrance:
    """A scope to enter with `with`, or to put before a function."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._entered: list[Any] = []

    def __enter__(self) -> Scope:
        self._entered.append(_current.set(self.scope))
        return self.scope

    def __exit__(self, *_: object) -> None:
        _current.reset(self._entered.pop())

    def __call__[**P, T](self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("A scope around a generator would end before its first value: enter it inside.")

        @wraps(function)
        def scoped(*args: P.args, **kwargs: P.kwargs) -> T:
            with within(self.scope):
                return function(*args, **kwargs)

        @wraps(function)
        async def scoped_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
            with within(self.scope):
                return await function(*args, **kwargs)  # type: ignore[misc]  # a coroutine function, as was just seen

        chosen: Any = scoped_coroutine if inspect.iscoroutinefunction(function) else scoped
        chosen.scope = self.scope
        return chosen


def everything(because: str) -> _Entrance:
    """The scope of work that is done for every tenant, with its reason: to enter, or to decorate a function with."""
    return _Entrance(Scope(None, because))


def only(*tenants: Tenant, because: str = "work for one tenant") -> _Entrance:
    """The scope of work that is done for `tenants` alone."""
    return _Entrance(Scope(frozenset(tenant.pk for tenant in tenants), because))


def of_person(person: Any, whence: Whence | None = None) -> Scope:
    """What `person` reaches (`tenants.reach`), who comes by `whence`; with a role above tenants that sees them all,
    every one. Without `whence` (an operator's command in their name) no tenant is closed to them.

    `person` is a user or Django's anonymous one, also unread yet (`SimpleLazyObject`).
    """
    if not person.is_authenticated or not person.is_active:
        return NOBODY
    because = f"a request of {person.get_username()}"
    if person.has_perm("tenants.view_tenant"):
        return Scope(None, because, person.pk, whence)
    from tenants.reach import door_of, reach_of  # tables need the apps, scopes do not

    closed, later = door_of(person, whence) if whence is not None else ((), ())
    reach = reach_of(person) - {each.asked.tenant for each in closed}
    return Scope(reach, because, person.pk, whence, closed, later)


def closed_to(person: Any) -> tuple[Closed, ...]:
    """The tenants of `person` that are closed to them, where it is they who ask."""
    found = current() if is_set() else None
    return found.closed if found is not None and found.person == person.pk else ()
