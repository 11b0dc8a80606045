"""What this room offers on the control-plane API: asking for access, and the grants that follow.

Bringing a team is in `access.onboarding.api`.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from access import finding
from access.applying.api import TenantFileViewSet
from access.asking import request_access
from access.changing import change_conditions
from access.conditions import read
from access.granting import revoke
from access.keys.asking import request_key
from access.models import Grant
from access.offboarding.api import OffboardingViewSet
from access.onboarding.api import OnboardingViewSet
from approvals.documents import document_of
from approvals.serializers import RequestDetailSerializer
from catalog.models import Route
from refusals.errors import Missing
from tenants.api.bodies import Body, body_of
from tenants.api.reading import one_of, text_of, viewer_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.models import Environment
from tenants.scoping import find_environment, find_tenant, require, visible

MANAGE = "tenants.manage_tenant"


CONDITIONS = (
    "What is demanded of every call; what is left out is not demanded. purposes: [name], data_classes: [public, "
    "internal, confidential, personal, special], regions: [name], max_input_tokens, max_output_tokens, max_answers, "
    "min_temperature, max_temperature, max_effort: none | minimal | low | medium | high | xhigh, tools: [name] (empty: "
    "none), attachments: false, streaming: false."
)


class GrantSerializer(serializers.ModelSerializer[Grant]):
    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    route: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    environment = serializers.CharField(source="environment.path", read_only=True)
    state = serializers.CharField(read_only=True)
    request = serializers.IntegerField(source="decision.request.number", read_only=True, allow_null=True)
    conditions = serializers.DictField(read_only=True, help_text=CONDITIONS)

    class Meta:
        model = Grant
        fields = [
            "id", "tenant", "environment", "route", "state", "purpose", "conditions", "decision", "request",
            "granted_at", "expires_at", "revoked_at",
        ]  # fmt: skip


class RevokeSerializer(Body):
    reason = serializers.CharField(max_length=1000, help_text="People will ask.")


class ConditionsSerializer(Body):
    conditions = serializers.DictField(help_text=CONDITIONS)
    reason = serializers.CharField(max_length=1000, help_text="People will ask.")


class AccessSerializer(Body):
    environment = serializers.CharField(max_length=200, help_text="`tenant/project/kind`")
    route = serializers.CharField(max_length=200, help_text="The name that programs call.")
    purpose = serializers.CharField(max_length=4000)
    expected_calls_per_day = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=1_000_000_000
    )
    conditions = serializers.DictField(required=False, default=dict, help_text=CONDITIONS)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="A part of a route's, model's or project's name."),
            OpenApiParameter("tenant", str, description="A tenant's slug."),
            OpenApiParameter("environment", str, description="`tenant/project/kind`"),
            OpenApiParameter("route", str, description="A route's name."),
            OpenApiParameter("kind", str, enum=Environment.Kind.values),
            OpenApiParameter("show", str, enum=finding.SHOWN, description="active unless told."),
            sort_parameter(finding.SORTS),
        ]
    )
)
class GrantViewSet(viewsets.ReadOnlyModelViewSet[Grant]):
    """Grants: which environment may call which route, until when, by which decision."""

    queryset = Grant.objects.none()
    serializer_class = GrantSerializer
    pagination_class = SortedPaging
    sorts = finding.SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Grant]:
        viewer = viewer_of(self.request)
        rows = visible(
            viewer,
            Grant.objects.select_related(
                "tenant", "environment__tenant", "environment__project", "route__model", "decision__request"
            ),
        )
        if self.action != "list":
            return rows
        rows = finding.grants(
            rows,
            show=one_of(self.request, "show", finding.SHOWN) or finding.SHOWN[0],
            kind=one_of(self.request, "kind", Environment.Kind.values),
            text=text_of(self.request, "q"),
        )
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant=find_tenant(viewer, slug))
        if path := text_of(self.request, "environment"):
            rows = rows.filter(environment=find_environment(viewer, path))
        if route := text_of(self.request, "route"):
            rows = rows.filter(route__slug=route)
        return rows

    @extend_schema(request=RevokeSerializer, responses=GrantSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: Any) -> Response:
        """End a grant at once."""
        grant = self.get_object()
        require(viewer_of(request), MANAGE, grant.environment)
        revoke(grant=grant, by=viewer_of(request), reason=body_of(request, RevokeSerializer)["reason"])
        return Response(GrantSerializer(self.get_object()).data)

    @extend_schema(request=ConditionsSerializer, responses=GrantSerializer)
    @action(detail=True, methods=["post"])
    def conditions(self, request: Request, pk: Any) -> Response:
        """Demand other conditions from now on, all of them together: narrower than before, or, of the platform team,
        any."""
        grant = self.get_object()
        require(viewer_of(request), MANAGE, grant.environment)
        given = body_of(request, ConditionsSerializer)
        wanted = read(given["conditions"])
        change_conditions(grant=grant, conditions=wanted, reason=given["reason"], by=viewer_of(request))
        return Response(GrantSerializer(self.get_object()).data)


class AccessRequestViewSet(viewsets.ViewSet):
    """Ask that an environment may call a route; the policy's boards decide. Then read it under `/api/requests/`."""

    @extend_schema(request=AccessSerializer, responses={201: RequestDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask for access to a route."""
        given, viewer = body_of(request, AccessSerializer), viewer_of(request)
        environment = find_environment(viewer, given.pop("environment"))
        route = Route.objects.select_related("model").filter(slug=given["route"].replace("\x00", "")).first()
        if route is None:
            raise Missing(f"There is no route “{given['route']}”. `GET /api/routes/` lists them.", field="route")
        stated = given | {"environment": environment, "route": route, "conditions": read(given["conditions"])}
        made = request_access(**stated, by=viewer)
        return Response(document_of(made.number, viewer), status=status.HTTP_201_CREATED)


class KeyRequestSerializer(Body):
    environment = serializers.CharField(max_length=200, help_text="`tenant/project/kind`")
    reason = serializers.CharField(max_length=4000, help_text="Name the program.")


class KeyRequestViewSet(viewsets.ViewSet):
    """Ask for a key where the platform decides on keys. Once it is approved, issue it: `POST /api/keys/`."""

    @extend_schema(request=KeyRequestSerializer, responses={201: RequestDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask that you may issue one key of an environment."""
        given, viewer = body_of(request, KeyRequestSerializer), viewer_of(request)
        environment = find_environment(viewer, given["environment"])
        made = request_key(environment=environment, reason=given["reason"], by=viewer)
        return Response(document_of(made.number, viewer), status=status.HTTP_201_CREATED)


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("grants", GrantViewSet, basename="grant")
    router.register("access-requests", AccessRequestViewSet, basename="access-request")
    router.register("key-requests", KeyRequestViewSet, basename="key-request")
    router.register("onboardings", OnboardingViewSet, basename="onboarding")
    router.register("offboardings", OffboardingViewSet, basename="offboarding")
    router.register("tenants", TenantFileViewSet, basename="tenant-file")
