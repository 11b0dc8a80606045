"""Handing tenants over on the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import ownership, scoping
from tenants.api.bodies import Body, body_of
from tenants.api.reading import text_of, viewer_of
from tenants.api.structure import person_called
from tenants.delegation import MANAGE_TENANT
from tenants.transfers import OwnershipTransfer


def _slug(of: str = "slug") -> Any:
    return serializers.SlugRelatedField(slug_field=of, read_only=True)


class OwnershipTransferSerializer(serializers.ModelSerializer[OwnershipTransfer]):
    tenant = _slug()
    giver = _slug("username")
    receiver = _slug("username")
    state = serializers.CharField(read_only=True)

    class Meta:
        model = OwnershipTransfer
        fields = ["id", "tenant", "giver", "receiver", "state", "created_at"]


class OfferSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    person = serializers.CharField(max_length=254, help_text="User name or e-mail of a member.")


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("tenant", str, description="A tenant's slug.")]))
class OwnershipTransferViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[OwnershipTransfer]
):
    """Who was asked to become the owner of a tenant, by whom, and what came of it."""

    queryset = OwnershipTransfer.objects.none()
    serializer_class = OwnershipTransferSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[OwnershipTransfer]:
        viewer = viewer_of(self.request)
        managed = scoping.tenants_for(viewer, MANAGE_TENANT).values("pk")
        rows: QuerySet[OwnershipTransfer] = ownership.concerning(viewer, managed)
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant=scoping.find_tenant(viewer, slug))
        return rows.select_related("tenant", "giver", "receiver")

    @extend_schema(request=OfferSerializer, responses={201: OwnershipTransferSerializer})
    def create(self, request: Request) -> Response:
        """Ask a member to become the owner in your place."""
        given, viewer = body_of(request, OfferSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given["tenant"])
        scoping.require(viewer, MANAGE_TENANT, tenant)
        made = ownership.offer(tenant=tenant, to=person_called(given["person"], "person"), by=viewer)
        return Response(OwnershipTransferSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=OwnershipTransferSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: Any) -> Response:
        """Become the owner; who asked becomes admin."""
        return self._ended(ownership.accept)

    @extend_schema(request=None, responses=OwnershipTransferSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Do not become the owner."""
        return self._ended(ownership.decline)

    @extend_schema(request=None, responses=OwnershipTransferSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: Any) -> Response:
        """Take the question back."""
        return self._ended(ownership.withdraw)

    def _ended(self, verb: Callable[..., OwnershipTransfer]) -> Response:
        return Response(OwnershipTransferSerializer(verb(transfer=self.get_object(), by=viewer_of(self.request))).data)
