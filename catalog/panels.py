"""What floors above add to a model's page: under *Access* who decided what, under *Usage* who used it, under *Prompts*
how they reach it.

A panel is asked for one person and one model and must scope what it answers to that person itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from catalog.models import Model

Tab = Literal["access", "usage", "prompts"]


@dataclass(frozen=True)
class Panel:
    """A part of a tab: its template and what it needs, or None to leave it out."""

    key: str
    tab: Tab
    template: str
    context: Callable[[HttpRequest, Model], dict[str, Any] | None]


_registered: dict[str, Panel] = {}


def register(panel: Panel) -> None:
    """Show `panel` from now on; registering a key again replaces it."""
    _registered[panel.key] = panel


def shown(request: HttpRequest, tab: str, model: Model) -> list[SafeString]:
    """The panels of `tab` for the viewer, drawn."""
    parts = []
    for panel in _registered.values():
        if panel.tab == tab and (context := panel.context(request, model)) is not None:
            parts.append(render_to_string(panel.template, {"model": model, **context}, request))
    return parts
