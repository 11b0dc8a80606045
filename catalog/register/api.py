"""The register on the control-plane API: whole, the riskiest first; whoever wants another order has every row."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.lifecycle.states import Lifecycle
from catalog.register.pages import require_reader
from catalog.register.rows import REVIEWS, Asked, find
from catalog.risk.api import MappedSerializer
from catalog.risk.pages import categories
from tenants.api.reading import one_of, text_of, viewer_of
from tenants.risk.tiers import TIERS


class RegisterReaders(BasePermission):
    """The platform team and auditors."""

    def has_permission(self, request: Request, view: Any) -> bool:
        require_reader(request.user)
        return True


class RegisterRowSerializer(serializers.Serializer[Any]):
    """A model version in use."""

    id = serializers.UUIDField(source="version.pk", help_text="of the model version")
    model = serializers.CharField(source="version.model.slug")
    label = serializers.CharField(source="version.label")  # type: ignore[assignment]
    owner = serializers.CharField(source="version.owner.username", default=None, allow_null=True)
    lifecycle = serializers.ChoiceField(source="version.lifecycle", choices=Lifecycle.choices)
    ends_on = serializers.DateField(source="version.ends_on", allow_null=True)
    next_review_on = serializers.DateField(source="version.next_review_on", allow_null=True)
    risk_tier = serializers.ChoiceField(source="risk.tier", choices=list(TIERS))
    risk_reasons = serializers.ListField(source="risk.reasons", child=serializers.CharField())
    risk_rules = serializers.CharField(source="risk.version")
    maps = MappedSerializer(source="risk.maps", many=True)
    places = serializers.ListField(child=serializers.CharField(), help_text="providers, each with its region")
    tenants = serializers.IntegerField(source="counts.tenants")
    environments = serializers.IntegerField(source="counts.environments")
    in_production = serializers.IntegerField(source="counts.production")
    held_by = serializers.ListField(source="held.environments", child=serializers.CharField())
    last_decision = serializers.DateTimeField(allow_null=True)
    card_edition = serializers.IntegerField(source="edition.number", default=None, allow_null=True)
    gaps = serializers.ListField(child=serializers.CharField())


class RegisterViewSet(viewsets.ViewSet):
    """The register of models in use, for the platform team and auditors."""

    permission_classes = [IsAuthenticated, RegisterReaders]

    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words in model, version, maker or owner."),
            OpenApiParameter("lifecycle", str, enum=Lifecycle.values),
            OpenApiParameter("tier", str, enum=list(TIERS)),
            OpenApiParameter("gap", str, description="As a row tells it, for example `no evaluation results`."),
            OpenApiParameter("review", str, enum=list(REVIEWS)),
            OpenApiParameter("category", str, description="`eu-ai-act:transparency` and the like."),
        ],
        responses=RegisterRowSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        asked = Asked(
            text=text_of(request, "q"),
            lifecycle=one_of(request, "lifecycle", Lifecycle.values),
            tier=one_of(request, "tier", TIERS),
            gap=text_of(request, "gap"),
            review=one_of(request, "review", REVIEWS),
            category=one_of(request, "category", [key for key, _ in categories()]),
        )
        return Response(RegisterRowSerializer(find(viewer_of(request), asked), many=True).data)
