"""What models would be sent for a conversation: by each deployment that serves a route or a model. Nobody is asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from catalog.dialects import LOCAL
from catalog.models import Deployment, Model, RouteTarget
from catalog.prompting.known_templates import OWN
from catalog.prompting.profile import Prompting, read
from gateway.prompting.preview import Preview, preview
from gateway.prompting.shaping import shaped
from gateway.snapshot import Target
from playground.columns import Column

MOST_DEPLOYMENTS = 20
MOST_CHARACTERS = 200_000  # of a conversation that is shown
LONGEST_S = 1.0  # that templates of deployments may take for one page, all of them together
TOO_LONG = (
    "It is not shown: the chat templates of what is on this page take too long together. Ask for one model alone, or "
    "ask the platform team to make its template quicker."
)
SMALL_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a day in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# A small conversation with everything in it that models take differently.
EXAMPLES: Mapping[str, dict[str, Any]] = {
    "A system message and a question": {
        "messages": [
            {"role": "system", "content": "Answer in one sentence."},
            {"role": "user", "content": "What is the capital of Kenya?"},
        ]
    },
    "An answer that was begun": {
        "messages": [
            {"role": "user", "content": "Name three rivers as JSON."},
            {"role": "assistant", "content": '{"rivers": ['},
        ]
    },
    "A tool": {"messages": [{"role": "user", "content": "Will it rain in Nairobi?"}], "tools": [SMALL_TOOL]},
}


@dataclass(frozen=True)
class Patience:
    """How long the templates of one page may still take: somebody's own is a program, and the page waits for each."""

    until: float = field(default_factory=lambda: time.monotonic() + LONGEST_S)

    def is_over(self, prompting: Prompting) -> bool:
        """Whether nothing more is put as `prompting` says; all but templates of somebody's own takes no time."""
        return prompting.template == OWN and time.monotonic() > self.until


@dataclass(frozen=True)
class Sent:
    """What a deployment would be sent."""

    deployment: Deployment
    prompting: Prompting
    shown: Preview


def for_model(model: Model, body: Mapping[str, Any]) -> list[Sent]:
    """By each connected deployment of `model` that a route leads to. Raises `InvalidRequest`."""
    patience = Patience()
    return [_sent(each, body, patience) for each in deployments_of(model)]


def deployments_of(model: Model) -> list[Deployment]:
    """The deployments of a model that serve here."""
    serving = RouteTarget.objects.filter(route__model=model, route__is_enabled=True).values("deployment")
    return list(_connected(Deployment.objects.filter(pk__in=serving))[:MOST_DEPLOYMENTS])


def examples(deployments: Iterable[Deployment]) -> list[tuple[Deployment, list[tuple[str, str, Preview]]]]:
    """By each deployment the small examples: what each shows, what is written, and what is sent."""
    patience = Patience()
    return [
        (each, [(name, as_written(body), _example(each, name, patience)) for name, body in EXAMPLES.items()])
        for each in deployments
    ]


def _example(deployment: Deployment, name: str, patience: Patience) -> Preview:
    prompting = read(deployment.prompting).whole
    if patience.is_over(prompting):
        return Preview("text", refused=TOO_LONG)
    alike = replace(_target(deployment, prompting), deployment_id=UUID(int=0), provider="", provider_name="")
    if prompting.template:  # then no more of it is in what is shown
        alike = replace(alike, upstream_name="", max_output_tokens=None)
    try:
        return _kept(alike, name)
    except _NotKept as told:
        return told.shown


@lru_cache(maxsize=512)
def _kept(alike: Target, name: str) -> Preview:
    """An example as all deployments that are `alike` are sent it: pages show it often. Raises `_NotKept`."""
    shown = preview(alike, {"model": "example", **EXAMPLES[name]})
    if shown.refused:
        raise _NotKept(shown)
    return shown


class _NotKept(Exception):
    """What is `shown` once: why nothing is sent may be that time had passed."""

    def __init__(self, shown: Preview) -> None:
        super().__init__(shown.refused)
        self.shown = shown


def as_written(body: Mapping[str, Any]) -> str:
    """A conversation as its writer reads it."""
    lines = [f"{each['role']}: {each['content']}" for each in body["messages"]]
    return "\n\n".join([*lines, *(f"tool: {each['function']['name']}" for each in body.get("tools", ()))])


def for_route(slug: str, body: Mapping[str, Any], patience: Patience | None = None) -> Sent | None:
    """By the deployment that is asked first of a route; None where none is connected. Raises `InvalidRequest`."""
    found = first_of([slug]).get(slug)
    return _sent(found, body, patience or Patience()) if found is not None else None


def by_name(provider: str, upstream_name: str, body: Mapping[str, Any]) -> Sent | None:
    """By the deployment that a call went to; None where it is gone. Raises `InvalidRequest`."""
    rows = Deployment.objects.select_related("provider", "version__model")
    found = rows.filter(provider__slug=provider, upstream_name=upstream_name).first()
    return _sent(found, body, Patience()) if found is not None else None


def first_of(slugs: Iterable[str]) -> dict[str, Deployment]:
    """The deployment that is asked first of each route, where one is connected."""
    rows = RouteTarget.objects.filter(route__slug__in=list(slugs), route__is_enabled=True, deployment__is_enabled=True)
    found: dict[str, Deployment] = {}
    ordered = rows.select_related("route", "deployment__provider", "deployment__version__model")
    for each in ordered.order_by("priority", "-weight", "deployment_id"):
        if each.deployment.provider.base_url or each.deployment.provider.dialect == LOCAL:
            found.setdefault(each.route.slug, each.deployment)
    return found


def warnings(columns: Sequence[Column]) -> dict[int, tuple[str, ...]]:
    """By the keys of columns, what of a prompt with their system prompt is put another way, or why it is refused."""
    deployments = first_of({column.route for column in columns if column.route})
    found: dict[int, tuple[str, ...]] = {}
    patience = Patience()
    for column in columns:
        deployment = deployments.get(column.route)
        if deployment is None or not deployment.prompting:
            continue
        system = [{"role": "system", "content": column.system}] if column.system else []
        messages = [*system, {"role": "user", "content": "…"}]
        sent = _sent(deployment, {"model": column.route, "messages": messages}, patience)
        told: list[str] = []
        shaped(messages, sent.prompting, told.append)
        if sent.shown.refused or told:
            found[column.key] = (sent.shown.refused,) if sent.shown.refused else tuple(told)
    return found


def _connected(rows: QuerySet[Deployment]) -> QuerySet[Deployment]:
    connected = rows.filter(~Q(provider__base_url="") | Q(provider__dialect=LOCAL), is_enabled=True)
    return connected.select_related("provider", "version__model").order_by("provider__name", "upstream_name")


def _sent(deployment: Deployment, body: Mapping[str, Any], patience: Patience) -> Sent:
    prompting = read(deployment.prompting).whole
    if patience.is_over(prompting):
        return Sent(deployment, prompting, Preview("text", refused=TOO_LONG))
    return Sent(deployment, prompting, preview(_target(deployment, prompting), dict(body)))


def _target(deployment: Deployment, prompting: Prompting) -> Target:
    provider = deployment.provider
    return Target(
        deployment.pk,
        provider.slug,
        provider.name,
        provider.dialect,
        provider.base_url,
        "",
        deployment.upstream_name,
        max_output_tokens=deployment.version.model.max_output_tokens,
        prompting=None if prompting.is_usual else prompting,
    )
