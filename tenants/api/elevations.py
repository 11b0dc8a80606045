"""What people hold for a time, on the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import elevating, finding, scoping, standing_in, timing
from tenants.api.bodies import Body, body_of
from tenants.api.reading import text_of, viewer_of
from tenants.delegation import MANAGE_MEMBERS
from tenants.elevations import Elevation
from tenants.models import Tenant, User


def _member_called(tenant: Tenant, name: str) -> User:
    """Looked up among the members alone: nobody learns here who else has an account. Raises `NotAMember`."""
    found = finding.member(tenant, name)
    if found is None:
        raise elevating.NotAMember(f"No active member of {tenant} is called “{name[:150]}”.", field="person")
    return found


def _slug(of: str = "username", **more: Any) -> Any:
    return serializers.SlugRelatedField(slug_field=of, read_only=True, **more)


class ElevationSerializer(serializers.ModelSerializer[Elevation]):
    tenant = _slug("slug")
    user = _slug()
    absent = _slug(allow_null=True)
    created_by = _slug(allow_null=True)
    answered_by = _slug(allow_null=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = Elevation
        fields = [
            "id", "tenant", "user", "role", "absent", "state", "hours", "reason", "starts_at", "ends_at", "ended_at",
            "created_at", "created_by", "answered_by", "answer",
        ]  # fmt: skip


class NewElevationSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    role = serializers.CharField(max_length=20)
    hours = serializers.IntegerField(min_value=1, max_value=elevating.LONGEST_HOURS)
    reason = serializers.CharField(max_length=500)
    person = serializers.CharField(
        max_length=254, required=False, default="", allow_blank=True,
        help_text="User name or e-mail of the member whom you give it to at once; empty: you ask for yourself.",
    )  # fmt: skip


class StandInSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    person = serializers.CharField(max_length=254, help_text="User name or e-mail of the member who stands in.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="At most 60 days later.")
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class ElevationAnswerSerializer(Body):
    reason = serializers.CharField(max_length=500)


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("tenant", str, description="A tenant's slug.")]))
class ElevationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Elevation]):
    """What people hold for a time: stronger roles, and the roles of those they stand in for."""

    queryset = Elevation.objects.none()
    serializer_class = ElevationSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Elevation]:
        viewer = viewer_of(self.request)
        managed = scoping.tenants_for(viewer, MANAGE_MEMBERS).values("pk")
        seen = scoping.visible(viewer, Elevation.objects.all())
        given = Q(pk__in=Elevation.objects.given().values("pk"))  # who holds what is known to every member
        rows = seen.filter(Q(tenant__in=managed) | Q(user=viewer) | given)
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant=scoping.find_tenant(viewer, slug))
        return rows.select_related("tenant", "user", "absent", "created_by", "answered_by")

    @extend_schema(request=NewElevationSerializer, responses={201: ElevationSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a role for a time, or give it to a member."""
        given, viewer = body_of(request, NewElevationSerializer), viewer_of(request)
        tenant, name = scoping.find_tenant(viewer, given.pop("tenant")), given.pop("person")
        if name:
            scoping.require(viewer, MANAGE_MEMBERS, tenant)
            made = elevating.give(tenant=tenant, user=_member_called(tenant, name), by=viewer, **given)
        else:
            made = elevating.ask(tenant=tenant, by=viewer, **given)
        return Response(ElevationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=StandInSerializer, responses={201: ElevationSerializer})
    @action(detail=False, methods=["post"], url_path="stand-in")
    def stand_in(self, request: Request) -> Response:
        """Name a member who stands in for you while you are away."""
        given, viewer = body_of(request, StandInSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given.pop("tenant"))
        person = _member_called(tenant, given.pop("person"))
        made = standing_in.name_stand_in(tenant=tenant, person=person, by=viewer, **given)
        return Response(ElevationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ElevationSerializer)
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, pk: Any) -> Response:
        """Give what was asked for."""
        return self._done(elevating.grant)

    @extend_schema(request=ElevationAnswerSerializer, responses=ElevationSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Do not give it, and say why."""
        return self._done(elevating.decline, **body_of(request, ElevationAnswerSerializer))

    @extend_schema(request=None, responses=ElevationSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: Any) -> Response:
        """Take back what you asked for."""
        return self._done(elevating.withdraw)

    @extend_schema(request=None, responses=ElevationSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: Any) -> Response:
        """End it before its time."""
        elevating.require_ender(viewer_of(request), self.get_object())
        return self._done(timing.end)

    def _done(self, verb: Callable[..., Elevation], **more: Any) -> Response:
        return Response(ElevationSerializer(verb(elevation=self.get_object(), by=viewer_of(self.request), **more)).data)
