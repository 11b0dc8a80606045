"""The platform's first page: is everything well, and if not, what mends it; and where the platform team's pages are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.authority import PERMISSION, require_manager
from gateway.runtime import facts
from portal import status
from portal.api.published import AsPublished
from portal.settings import env
from ui.places import Card, register_card

# What the platform team works on: name, sentence, address, icon.
PAGES = (
    ("Providers", "Who serves models; connect, test, publish.", "catalog:providers", "plug-connected"),
    ("Routing", "Where calls go, and why; weights, breakers, drains.", "platform-routing", "route"),
    (
        "Imports",
        "Where models and prices come from; what each import changed.",
        "catalog:imports",
        "refresh",
    ),
    ("Model register", "Every model in use: who answers for it, risk, life, gaps.", "catalog:register", "file-text"),
    ("Content of calls", "How far tenants may keep what is asked and answered.", "usage:content-bounds", "messages"),
    ("Policies", "Which boards decide what.", "approvals:policies", "list-check"),
    ("Who decides", "What is left to tenants, and what is not.", "approvals:delegation", "scale"),
    ("Boards", "Who sits on which board.", "approvals:boards", "gavel"),
    ("People", "Accounts and who runs the platform.", "tenants:people", "users-group"),
    ("Directory", "SCIM: accounts and groups from your own service.", "tenants:platform-directory", "plug-connected"),
    ("Audit", "Who did what.", "audit:search", "history"),
    ("Settings", "What this installation was told, and by what.", "platform-settings", "settings"),
)
CODES = {status.State.GOOD: "ok", status.State.WARNING: "degraded", status.State.BAD: "down"}
BELIEVED_S = 60.0  # tables and walls that stood a minute ago: the page is asked for every few seconds
WORDS = {
    status.State.GOOD: "Everything is well",
    status.State.WARNING: "Everything works; something wants a look",
    status.State.BAD: "Something is broken",
}


@require_GET
def platform(request: HttpRequest) -> HttpResponse:
    """`/platform/`: the same findings as `atrium doctor`, asked anew every few seconds."""
    require_manager(request.user)
    seen = status.look(believed_s=BELIEVED_S)
    context: dict[str, Any] = {
        "seen": seen,
        "words": WORDS[seen.state],
        "code": CODES[seen.state],
        "parts": [(part, CODES[part.state]) for part in seen.parts],
        "findings": [(finding, CODES[finding.state]) for finding in seen.findings],
        "gateway": facts(),
    }
    template, is_part = "portal/platform.html", "HX-Request" in request.headers
    if is_part and "health" in request.GET:
        return render(request, f"{template}#health", context)
    context |= {
        "jobs": seen.jobs,
        "deployments": seen.deployments,
        "pages": [(name, sentence, reverse(url), icon) for name, sentence, url, icon in PAGES],
    }
    return render(request, f"{template}#status" if is_part else template, context)


@require_GET
def settings_page(request: HttpRequest) -> HttpResponse:
    """`/platform/settings/`: every variable of the environment that was read, its value and where that is from."""
    require_manager(request.user)
    return render(request, "portal/settings.html", {"read": [(one, _remark(one.name)) for one in env.settings]})


def _remark(name: str) -> str:
    """What the value of a variable does not tell by itself."""
    if name == "ATRIUM_OPEN_SIGNUP" and settings.DEMONSTRATION and not settings.OPEN_SIGNUP:
        return "Sign-up is open all the same, as always in demonstration and development mode."
    return ""


def register() -> None:
    """Put health on the platform team's home page; it is asked for beside the page, which does not wait for it."""
    register_card(Card("portal.health", 5, "portal/health_card.html", _health, part="figures"))


def _health(request: HttpRequest) -> dict[str, Any] | None:
    return {"address": reverse("platform")} if request.user.has_perm(PERMISSION) else None


class StatusView(AsPublished, APIView):
    """How the installation is: every part and every store, with what is wrong and how to mend it."""

    @extend_schema(operation_id="platform_status", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        require_manager(request.user)
        seen = status.look(believed_s=BELIEVED_S)
        return Response({**seen.as_json(), "gateway": facts()})


class SettingsView(AsPublished, APIView):
    """Every variable of the environment that was read, its value (secrets are not told) and where that is from."""

    @extend_schema(operation_id="platform_settings", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        require_manager(request.user)
        return Response({"results": [asdict(setting) for setting in env.settings]})
