"""What the gateway knows while it serves: keys, environments, grants, routes, deployments and prices, all in memory.

A snapshot never changes; `gateway.freshness` replaces it by a newer one. What ends by the clock (keys, grants, prices)
carries its times and is judged at the moment of the call, so no notification is needed for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from access.conditions import Conditions
from catalog.prompting.profile import Prompting
from gateway.bodies.rules import Rule
from tenants.networks import Network

A_MINUTE = ("requests", "tokens", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Key:
    """An API key by its prefix; `secret_hash` as `tenants.secrets.keyed_hash` makes it.

    `routes` and `networks` are what it is narrowed to; None: every granted route, any network. `is_held`: whoever's it
    is, is there (`tenants.key_holder`).
    """

    prefix: str
    secret_hash: str
    name: str
    environment_id: UUID
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    routes: frozenset[str] | None = None
    networks: tuple[Network, ...] | None = None
    id: UUID | None = None
    is_held: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """An environment with the project and tenant around it; `path` is `tenant/project/kind`, `networks` are those that
    the tenant allows (None: any), `data_classes` what is sent to models from there (None: nobody has said)."""

    environment_id: UUID
    project_id: UUID
    tenant_id: UUID
    path: str
    is_archived: bool
    is_demonstration: bool
    networks: tuple[Network, ...] | None = None
    weight: int = 1  # of the tenant, where calls wait
    data_classes: frozenset[str] | None = None

    @property
    def kind(self) -> str:
        """Development, test or production."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Grant:
    """The right of an environment to call a route, and the decision that gave it, in which request (0: none); what it
    demands of calls, None where that is nothing."""

    id: UUID
    decision_id: UUID | None
    expires_at: dt.datetime | None
    request_number: int = 0
    conditions: Conditions | None = None

    def is_in_force(self, at: dt.datetime) -> bool:
        return self.expires_at is None or self.expires_at > at


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """Prices per million tokens from a moment until another."""

    id: UUID
    currency: str
    input_per_million: Decimal
    output_per_million: Decimal
    cached_input_per_million: Decimal | None
    valid_from: dt.datetime
    valid_until: dt.datetime | None
    cache_write_per_million: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment that a route may be served by; `max_output_tokens` is its longest answer, `context_tokens` the most
    that it holds, where they are known. The lowest `tier` is asked first, in it by `weight`. One that is drained gets
    no new calls; `probe_asked_at` is when a person last wanted it to be tried at once. `prompting` is how a prompt is
    put for its model, None where it is as its kind of provider has it; `data_classes` are those that it may see (None:
    any).

    `credential` is in clear and must never be shown or logged.
    """

    deployment_id: UUID
    provider: str
    provider_name: str
    dialect: str
    base_url: str
    credential: str
    upstream_name: str
    prices: tuple[UnitPrice, ...] = ()
    max_output_tokens: int | None = None
    model_slug: str = ""
    tier: int = 1
    weight: int = 100
    region: str = ""
    context_tokens: int | None = None
    is_drained: bool = False
    probe_asked_at: dt.datetime | None = None
    prompting: Prompting | None = None
    data_classes: frozenset[str] | None = None
    id_text: str = field(init=False, compare=False)  # of `deployment_id`: written with each call
    is_connected: bool = field(init=False, compare=False)
    spoken_to: Any = field(default=None, init=False, compare=False)  # how (`gateway.providers.provider_of`), once asked

    def __post_init__(self) -> None:
        object.__setattr__(self, "id_text", str(self.deployment_id))
        object.__setattr__(self, "is_connected", bool(self.base_url) or self.dialect == "local")

    def __repr__(self) -> str:
        return f"<{self.upstream_name} at {self.provider}>"

    def price_at(self, at: dt.datetime) -> UnitPrice | None:
        for price in self.prices:
            if price.valid_from <= at and (price.valid_until is None or at < price.valid_until):
                return price
        return None


@dataclass(frozen=True, slots=True)
class Route:
    """The name that clients call, with its deployments tier by tier. `by_latency`: in a tier the quickest is asked
    first, else it goes by weight. `fallback` is the route that is asked when none of them takes a call; `regions` are
    where it may be answered (empty: anywhere). Time-outs are None where the installation's hold. `is_ending`: all
    that it leads to is deprecated or retired, by `ends_on` where a day is known.
    """

    slug: str
    model_slug: str
    model_path: str
    is_enabled: bool
    created_at: dt.datetime
    targets: tuple[Target, ...] = ()
    max_output_tokens: int | None = None
    by_latency: bool = False
    fallback: str = ""
    regions: tuple[str, ...] = ()
    first_token_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    id: UUID | None = None
    is_ending: bool = False
    ends_on: dt.date | None = None
    connected: tuple[Target, ...] = field(init=False, compare=False, repr=False)  # those of its targets that are

    def __post_init__(self) -> None:
        object.__setattr__(self, "connected", tuple(each for each in self.targets if each.is_connected))


@dataclass(frozen=True, slots=True)
class HardBudget:
    """A budget that no call may go beyond; `span` as `usage.limits.tables.Span`."""

    id: UUID
    amount: Decimal
    currency: str
    span: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds everything at one place (a tenant, project, environment or key), with what people call the place.

    Limits are by any 60 seconds, `concurrent` at any moment; None: not limited here. A route or deployment is limited
    by the platform, for all tenants together: then `tenant` is empty, and how much it is is told to no tenant.
    """

    words: str
    tenant: str
    requests: int | None = None
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    concurrent: int | None = None
    budgets: tuple[HardBudget, ...] = ()
    a_minute: tuple[tuple[str, int], ...] = field(init=False)  # what of it counts over 60 seconds: asked with each call

    def __post_init__(self) -> None:
        stated = [(metric, getattr(self, metric)) for metric in A_MINUTE]
        object.__setattr__(self, "a_minute", tuple(each for each in stated if each[1] is not None))

    @classmethod
    def of(cls, words: str, tenant: str, amounts: Mapping[str, int], *, budgets: tuple[HardBudget, ...] = ()) -> Bounds:
        """The bounds of a place from its limits by metric."""
        limits: dict[str, Any] = dict(amounts)
        return cls(words, tenant, budgets=budgets, **limits)

    @property
    def is_platforms(self) -> bool:
        """Whether all tenants are limited together."""
        return not self.tenant

    @property
    def subject(self) -> str:
        """What people call the place, to begin a sentence with."""
        return self.words[0].upper() + self.words[1:]

    @property
    def page(self) -> str:
        """Where its limits and budgets are told and changed; "" for the platform's, of which no tenant can ask more."""
        return f"/tenants/{self.tenant}/limits/" if self.tenant else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a call needs to be admitted and routed. `version` counts up within a process, with every
    change."""

    version: int
    loaded_at: dt.datetime
    keys: Mapping[str, Key]
    places: Mapping[UUID, Place]
    grants: Mapping[UUID, Mapping[str, Grant]]
    routes: Mapping[str, Route]
    bounds: Mapping[UUID, Bounds] = field(default_factory=dict)
    capacities: Mapping[UUID, Bounds] = field(default_factory=dict)  # of routes and deployments, for all tenants
    shut_out: frozenset[UUID] = frozenset()  # people who are switched off
    bodies: Mapping[UUID, Rule] = field(default_factory=dict)  # environments of whose calls content is kept
    # Which notes of changes are in it (`gateway.loading`): all of transactions before this one, and these.
    read_from: int = 0
    read: frozenset[int] = frozenset()
    # What `gateway.admission` has found in it, call after call the same: gone with it.
    callers: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    leaves: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def granted_routes(self, environment_id: UUID, at: dt.datetime, only: frozenset[str] | None = None) -> list[Route]:
        """The enabled routes that an environment may call at a moment, by name; of them `only` these, where stated."""
        grants = self.grants.get(environment_id, {})
        named = sorted(grants.items()) if only is None else sorted(each for each in grants.items() if each[0] in only)
        held = (self.routes.get(slug) for slug, grant in named if grant.is_in_force(at))
        return [route for route in held if route is not None and route.is_enabled]
