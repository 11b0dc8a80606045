"""Leaving on the API: begin, look, call off, go on; the archive itself is taken from its page."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from access.offboarding import beginning, job
from access.offboarding.finding import certificate_for
from access.offboarding.tables import Offboarding
from tenants import scoping
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import viewer_of
from tenants.scope import everything, widen

MANAGE = "tenants.manage_tenant"


class LatestFirst(CursorPaging):
    ordering = ("-requested_at", "-id")


class OffboardingSerializer(serializers.ModelSerializer[Offboarding]):
    tenant = serializers.CharField(source="slug", read_only=True)
    requested_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    certificate = serializers.JSONField(read_only=True, help_text="What went and what is kept, once it is erased.")

    class Meta:
        model = Offboarding
        fields = [
            "id", "tenant", "name", "state", "reason", "requested_by", "requested_at", "erase_after", "export_sha256",
            "export_bytes", "error", "certificate", "ended_at",
        ]  # fmt: skip


class LeaveSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    reason = serializers.CharField(max_length=500)


class OffboardingViewSet(viewsets.GenericViewSet[Offboarding]):
    """Tenants that leave or left, of those that you may see."""

    queryset = Offboarding.objects.none()
    serializer_class = OffboardingSerializer
    pagination_class = LatestFirst
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Offboarding]:
        return scoping.visible(viewer_of(self.request), Offboarding.objects.select_related("requested_by", "tenant"))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Those of tenants that you may see, and those that you asked for and that are erased."""
        viewer = viewer_of(request)
        with everything("who let a tenant leave reads what became of it"):
            rows = Offboarding.objects.filter(requested_by=viewer, state=Offboarding.State.ERASED)
            erased = dict(rows.values_list("pk", "tenant"))
        widen(erased.values(), "they let it leave, and it is erased")
        seen = scoping.visible(viewer, Offboarding.objects.all()).values("pk")
        shown = Offboarding.objects.filter(Q(pk__in=seen) | Q(pk__in=erased)).select_related("requested_by", "tenant")
        return self.get_paginated_response(OffboardingSerializer(self.paginate_queryset(shown), many=True).data)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One, also when all that was yours in it is erased and you asked for it."""
        return Response(OffboardingSerializer(certificate_for(viewer_of(request), pk)).data)

    @extend_schema(request=LeaveSerializer, responses={201: OffboardingSerializer})
    def create(self, request: Request) -> Response:
        """Let a tenant leave: its keys are revoked at once, it is packed, and erased after a while."""
        given = body_of(request, LeaveSerializer)
        tenant = scoping.find_tenant(viewer_of(request), given["tenant"], MANAGE)
        made = beginning.begin(tenant=tenant, reason=given["reason"], by=viewer_of(request))
        return Response(OffboardingSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=OffboardingSerializer)
    @action(detail=True, methods=["post"], url_path="call-off")
    def call_off(self, request: Request, pk: Any) -> Response:
        """Keep the tenant; its keys stay revoked."""
        return Response(OffboardingSerializer(beginning.call_off(offboarding=self._mine(), by=request.user)).data)

    @extend_schema(request=None, responses=OffboardingSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: Any) -> Response:
        """Go on with what stopped."""
        return Response(OffboardingSerializer(job.retry(offboarding=self._mine(), by=request.user)).data)

    def _mine(self) -> Offboarding:
        found = self.get_object()
        scoping.require(viewer_of(self.request), MANAGE, found.tenant)
        return found
