"""The roles of a tenant on the API: the built-in ones are the same everywhere, its own are made and changed here."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import role_making, scoping
from tenants.api.bodies import Body, body_of
from tenants.api.reading import text_of, viewer_of
from tenants.delegation import MANAGE_TENANT
from tenants.models import CustomRole


class CustomRoleSerializer(serializers.ModelSerializer[CustomRole]):
    tenant: Any = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    permissions: Any = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = CustomRole
        fields = ["id", "tenant", "slug", "name", "sentence", "permissions", "version", "created_at", "created_by"]


def _permissions(**given: Any) -> Any:
    return serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=100,
        help_text="For example `tenants.view_usage`; to see the tenant is always among them.", **given,
    )  # fmt: skip


class NewCustomRoleSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    slug = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=40)
    sentence = serializers.CharField(max_length=200)
    permissions = _permissions()


class CustomRoleChangeSerializer(Body):
    name = serializers.CharField(max_length=40, required=False)
    sentence = serializers.CharField(max_length=200, required=False)
    permissions = _permissions(required=False)
    version = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, help_text="That you saw: a newer one is not written over."
    )


class RetirementSerializer(Body):
    move_to = serializers.CharField(
        max_length=20, required=False, default="", allow_blank=True, help_text="The role for those who have this one."
    )


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("tenant", str, description="A tenant's slug.")]))
class CustomRoleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[CustomRole]):
    """The roles that tenants made for themselves."""

    queryset = CustomRole.objects.none()
    serializer_class = CustomRoleSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[CustomRole]:
        viewer = viewer_of(self.request)
        rows = scoping.visible(viewer, CustomRole.objects.select_related("tenant", "created_by"))
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant=scoping.find_tenant(viewer, slug))
        return rows

    @extend_schema(request=NewCustomRoleSerializer, responses={201: CustomRoleSerializer})
    def create(self, request: Request) -> Response:
        """Make a role, of no more than you hold."""
        given, viewer = body_of(request, NewCustomRoleSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given.pop("tenant"))
        scoping.require(viewer, MANAGE_TENANT, tenant)
        made = role_making.make(tenant=tenant, by=viewer, **given)
        return Response(CustomRoleSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CustomRoleChangeSerializer, responses=CustomRoleSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change a role; whoever has it holds at once what it gives then."""
        found, given = self._managed(), body_of(request, CustomRoleChangeSerializer)
        seen = given.pop("version", found.version)  # what is left out is as it was read here
        now = {"name": found.name, "sentence": found.sentence, "permissions": found.permissions}
        changed = role_making.change(role=found, by=viewer_of(request), seen=seen, **(now | given))
        return Response(CustomRoleSerializer(changed).data)

    @extend_schema(request=RetirementSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: Any) -> Response:
        """End a role; with `move_to`, who has it gets that one."""
        found, given = self._managed(), body_of(request, RetirementSerializer)
        role_making.retire(role=found, by=viewer_of(request), move_to=given["move_to"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _managed(self) -> CustomRole:
        found = self.get_object()
        scoping.require(viewer_of(self.request), MANAGE_TENANT, found.tenant)
        return found
