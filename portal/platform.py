"""The platform's first page: is everything well, and if not, what mends it; and where the platform team's pages are."""

from __future__ import annotations

from typing import Any

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
from ui.places import Card, register_card

# What the platform team works on: name, sentence, address, icon.
PAGES = (
    ("Providers", "Who serves models; connect, test, publish.", "catalog:providers", "plug-connected"),
    ("Policies", "Which boards decide what.", "approvals:policies", "list-check"),
    ("Boards", "Who sits on which board.", "approvals:boards", "gavel"),
    ("People", "Accounts and who runs the platform.", "tenants:people", "users-group"),
    ("Audit", "Who did what.", "audit:search", "history"),
)
CODES = {status.State.GOOD: "ok", status.State.WARNING: "degraded", status.State.BAD: "down"}
WORDS = {
    status.State.GOOD: "Everything is well",
    status.State.WARNING: "Everything works; something wants a look",
    status.State.BAD: "Something is broken",
}


@require_GET
def platform(request: HttpRequest) -> HttpResponse:
    """`/platform/`: the same findings as `atrium doctor`, asked anew every few seconds."""
    require_manager(request.user)
    seen = status.look()
    context: dict[str, Any] = {
        "seen": seen,
        "words": WORDS[seen.state],
        "code": CODES[seen.state],
        "parts": [(part, CODES[part.state]) for part in seen.parts],
        "findings": [(finding, CODES[finding.state]) for finding in seen.findings],
        "gateway": facts(),
        "pages": [(name, sentence, reverse(url), icon) for name, sentence, url, icon in PAGES],
    }
    part = "#health" if "health" in request.GET else "#status"
    template = "portal/platform.html"
    return render(request, template + part if request.headers.get("HX-Request") else template, context)


def register() -> None:
    """Put health on the platform team's home page; it is asked for beside the page, which does not wait for it."""
    register_card(Card("portal.health", 5, "portal/health_card.html", _health))


def _health(request: HttpRequest) -> dict[str, Any] | None:
    return {"address": reverse("platform")} if request.user.has_perm(PERMISSION) else None


class StatusView(APIView):
    """How the installation is: every part and every store, with what is wrong and how to mend it."""

    @extend_schema(operation_id="platform_status", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        require_manager(request.user)
        return Response({**status.look().as_json(), "gateway": facts()})
