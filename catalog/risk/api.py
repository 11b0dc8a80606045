"""The rules of risk on the control-plane API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.risk.pages import categories, chosen
from tenants.api.reading import one_of
from tenants.risk.tiers import SUBJECTS, TIERS


class MappedSerializer(serializers.Serializer[Any]):
    """What a rule means in a framework."""

    framework = serializers.CharField()
    category = serializers.CharField()
    at = serializers.CharField(help_text="article, clause or section")


class RiskRuleSerializer(serializers.Serializer[Any]):
    """A rule: it applies where every line of `when` holds (one of the values) and none of `unless`."""

    key = serializers.CharField()
    subject = serializers.ChoiceField(choices=list(SUBJECTS))
    tier = serializers.ChoiceField(choices=list(TIERS))
    sentence = serializers.CharField()
    when = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    unless = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    maps = MappedSerializer(many=True)


class RiskRuleViewSet(viewsets.ViewSet):
    """The rules from which risk tiers follow."""

    @extend_schema(
        parameters=[
            OpenApiParameter("subject", str, enum=list(SUBJECTS)),
            OpenApiParameter("tier", str, enum=list(TIERS)),
            OpenApiParameter("category", str, description="`eu-ai-act:high-risk` and the like"),
        ],
        responses=RiskRuleSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        found = chosen(
            subject=one_of(request, "subject", SUBJECTS),
            tier=one_of(request, "tier", TIERS),
            category=one_of(request, "category", [key for key, _ in categories()]),
        )
        return Response(RiskRuleSerializer(found, many=True).data)
