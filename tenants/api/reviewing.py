"""Access reviews on the API."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import reviewing, scoping
from tenants.access_reviews import AccessReview
from tenants.api.bodies import Body, body_of
from tenants.api.reading import text_of, viewer_of
from tenants.api.serializers import MembershipSerializer
from tenants.delegation import MANAGE_TENANT
from tenants.models import Membership

TENANT = OpenApiParameter("tenant", str, description="A tenant's slug.")
MOST_AT_ONCE = 500


class AccessReviewSerializer(serializers.ModelSerializer[AccessReview]):
    tenant: Any = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    state = serializers.CharField(read_only=True)
    confirmed = serializers.IntegerField(read_only=True)
    lapsed = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = AccessReview
        fields = ["id", "tenant", "state", "began_at", "due_at", "concluded_at", "confirmed", "lapsed"]


class BeginSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")


class ConfirmSerializer(Body):
    memberships = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MOST_AT_ONCE,
        help_text="As `unconfirmed` lists them.",
    )


@extend_schema_view(list=extend_schema(parameters=[TENANT]))
class AccessReviewViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[AccessReview]):
    """The looking through of members, of the tenants that you manage."""

    queryset = AccessReview.objects.none()
    serializer_class = AccessReviewSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[AccessReview]:
        viewer = viewer_of(self.request)
        rows = scoping.visible(viewer, AccessReview.objects.select_related("tenant"), MANAGE_TENANT)
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant=scoping.find_tenant(viewer, slug))
        return rows.annotate(confirmed=Count("confirmations"))

    @extend_schema(request=BeginSerializer, responses={201: AccessReviewSerializer})
    def create(self, request: Request) -> Response:
        """Begin one now."""
        viewer = viewer_of(request)
        tenant = scoping.find_tenant(viewer, body_of(request, BeginSerializer)["tenant"])
        scoping.require(viewer, MANAGE_TENANT, tenant)
        made = reviewing.begin(tenant=tenant, by=viewer)
        return Response(self._document(made), status=status.HTTP_201_CREATED)

    @extend_schema(responses=MembershipSerializer(many=True), filters=True)
    @action(detail=True)
    def unconfirmed(self, request: Request, pk: Any) -> Response:
        """The members whom nobody has confirmed, of an open review."""
        review = self.get_object()
        rows = Membership.objects.none() if review.concluded_at else reviewing.unconfirmed(review)
        rows = rows.select_related("tenant", "user", "created_by").order_by("created_at", "pk")
        found: list[Any] = list(self.paginate_queryset(rows) or [])  # type: ignore[arg-type]  # not the view's own rows
        return self.get_paginated_response(MembershipSerializer(found, many=True).data)

    @extend_schema(request=ConfirmSerializer, responses=AccessReviewSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: Any) -> Response:
        """Say that these members still need their roles."""
        review, given = self.get_object(), body_of(request, ConfirmSerializer)
        reviewing.confirm(review=review, memberships=given["memberships"], by=viewer_of(request))
        return Response(self._document(review))

    def _document(self, review: AccessReview) -> Any:
        return AccessReviewSerializer(self.get_queryset().get(pk=review.pk)).data
