"""Every address the product answers on, read from the live URL map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Address:
    """A pattern of the URL map: its full name and the parameters it takes."""

    name: str
    route: str
    parameters: tuple[str, ...]
    methods: tuple[str, ...] = ()  # what the API's view sets answer; empty for pages, which are asked


def live() -> list[Address]:
    """All addresses that have a name of ours; the identity library's own pages are its own to test."""
    return [found for found in _walk(get_resolver(), "", "") if not found.route.startswith("accounts/")]


def _walk(resolver: URLResolver, prefix: str, namespace: str) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern, route, inner)
        elif isinstance(pattern, URLPattern) and not route.endswith(r"\.(?P<format>[a-z0-9]+)/?$"):
            name = f"{namespace}{pattern.name}" if pattern.name else route
            methods = tuple(method.upper() for method in getattr(pattern.callback, "actions", None) or ())
            yield Address(name, route, tuple(pattern.pattern.regex.groupindex), methods)
