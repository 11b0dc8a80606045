"""What routes and deployments take of all tenants together, on the control-plane API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Deployment, Route
from refusals.errors import Invalid, Missing
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import text_of, uuid_of, viewer_of
from usage.capacity.setting import Subject, attached, require_capacity_setter, set_capacity
from usage.capacity.tables import Capacity
from usage.limits.tables import LARGEST_LIMIT, Metric


class SettersOnly(BasePermission):
    """Only who may set it: what was bought of whom is nothing for everybody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        require_capacity_setter(request.user)
        return True


class CapacitySerializer(serializers.ModelSerializer[Capacity]):
    route = serializers.CharField(source="route.slug", allow_null=True, default=None)
    provider = serializers.CharField(source="deployment.provider.slug", allow_null=True, default=None)
    upstream_name = serializers.CharField(source="deployment.upstream_name", allow_null=True, default=None)
    metric = serializers.ChoiceField(choices=Metric.choices)

    class Meta:
        model = Capacity
        fields = ["id", "route", "deployment", "provider", "upstream_name", "metric", "amount", "set_at"]


def _amount(what: str) -> Any:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LARGEST_LIMIT, help_text=f"{what}; null takes it away."
    )


class NewCapacitySerializer(Body):
    """Either a route or a deployment. What is left out stays as it is."""

    route = serializers.CharField(required=False, max_length=120, help_text="A route's name.")
    deployment = serializers.UUIDField(required=False)
    requests = _amount("Requests in any 60 seconds")
    tokens = _amount("Tokens, in and out, in any 60 seconds")
    input_tokens = _amount("Tokens of prompts in any 60 seconds")
    output_tokens = _amount("Tokens of answers in any 60 seconds")
    concurrent = _amount("Calls at the same moment")


class NewestSet(CursorPaging):
    ordering = ("-set_at", "-id")


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("route", str, description="A route's name: what it takes."),
            OpenApiParameter("deployment", OpenApiTypes.UUID, description="What this one takes."),
        ]
    )
)
class CapacityViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Capacity]):
    """What routes and deployments take of all tenants together, as the platform has set it. Calls beyond a route's are
    refused; beyond a deployment's they go to another one of the route, or wait in a fair order."""

    queryset = Capacity.objects.none()
    serializer_class = CapacitySerializer
    permission_classes = (IsAuthenticated, SettersOnly)
    pagination_class = NewestSet
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Capacity]:
        rows = Capacity.objects.select_related("route", "deployment__provider")
        if slug := text_of(self.request, "route"):
            rows = rows.filter(route__slug=slug)
        if key := text_of(self.request, "deployment"):
            rows = rows.filter(deployment=uuid_of(key, "deployment"))
        return rows

    @extend_schema(request=NewCapacitySerializer, responses=CapacitySerializer(many=True))
    def create(self, request: Request) -> Response:
        """Set or take away limits of a route or deployment; what it takes then."""
        given = body_of(request, NewCapacitySerializer)
        subject = _subject(given.pop("route", None), given.pop("deployment", None))
        set_capacity(subject=subject, amounts=given, by=viewer_of(request))
        held = Capacity.objects.filter(**attached(subject)).select_related("route", "deployment__provider")
        return Response(CapacitySerializer(held.order_by("metric"), many=True).data)


def _subject(slug: str | None, key: Any) -> Subject:
    """The route or the deployment that is named. Raises `Invalid` and `Missing`."""
    if (slug is None) == (key is None):
        raise Invalid("Name either a route or a deployment.", field="route")
    if slug is not None:
        route = Route.objects.filter(slug=slug).first()
        if route is None:
            raise Missing(f"There is no route “{slug[:120]}”.", field="route")
        return route
    deployment = Deployment.objects.select_related("provider").filter(pk=key).first()
    if deployment is None:
        raise Missing("There is no such deployment. `GET /api/deployments/` lists them.", field="deployment")
    return deployment
