"""Prices on the control-plane API: what deployments cost, cost before and will cost; setting one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.figures import LARGEST_PRICE
from catalog.models import Deployment
from refusals.errors import Missing
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import one_of, text_of, uuid_of, viewer_of
from usage.authority import require_price_setter
from usage.models import Price
from usage.prices import in_force, set_price

SHOWN = ("in_force", "scheduled", "past")


class PricePaging(CursorPaging):
    """The latest beginning first."""

    ordering = ("-valid_from", "-id")


class PriceSerializer(serializers.ModelSerializer[Price]):
    model = serializers.CharField(source="deployment.version.model.slug", read_only=True)
    provider = serializers.CharField(source="deployment.provider.slug", read_only=True)
    upstream_name = serializers.CharField(source="deployment.upstream_name", read_only=True)

    class Meta:
        model = Price
        fields = [
            "id", "deployment", "model", "provider", "upstream_name", "currency", "input_per_million",
            "output_per_million", "cached_input_per_million", "cache_write_per_million", "valid_from", "valid_until",
            "source", "set_at",
        ]  # fmt: skip


class NewPriceSerializer(Body):
    deployment = serializers.UUIDField()
    input_per_million = serializers.DecimalField(max_digits=16, decimal_places=6, min_value=0, max_value=LARGEST_PRICE)
    output_per_million = serializers.DecimalField(max_digits=16, decimal_places=6, min_value=0, max_value=LARGEST_PRICE)
    cached_input_per_million = serializers.DecimalField(
        max_digits=16,
        decimal_places=6,
        min_value=0,
        max_value=LARGEST_PRICE,
        required=False,
        allow_null=True,
        default=None,
    )
    cache_write_per_million = serializers.DecimalField(
        max_digits=16,
        decimal_places=6,
        min_value=0,
        max_value=LARGEST_PRICE,
        required=False,
        allow_null=True,
        default=None,
        help_text="Of input that the provider writes to its cache; as much as other input unless told.",
    )
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, default="USD")
    valid_from = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="From when on; from now on unless told. Never the past.",
    )
    source = serializers.CharField(max_length=80, help_text="Where the price is written.")  # type: ignore[assignment]
    reason = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("model", str, description="A model's slug."),
            OpenApiParameter("deployment", OpenApiTypes.UUID),
            OpenApiParameter("show", str, enum=SHOWN, description="All of them unless told."),
        ]
    )
)
class PriceViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Price]):
    """Prices of deployments per million tokens. A change is a new one; one may be set to begin later."""

    queryset = Price.objects.none()
    serializer_class = PriceSerializer
    pagination_class = PricePaging
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Price]:
        shown, now = one_of(self.request, "show", SHOWN), timezone.now()
        rows = in_force(now) if shown == "in_force" else Price.objects.all()
        if shown == "scheduled":
            rows = rows.filter(valid_from__gt=now)
        if shown == "past":
            rows = rows.filter(valid_until__lte=now)
        if slug := text_of(self.request, "model"):
            rows = rows.filter(deployment__version__model__slug=slug)
        if key := text_of(self.request, "deployment"):
            rows = rows.filter(deployment=uuid_of(key, "deployment"))
        return rows.select_related("deployment__provider", "deployment__version__model")

    @extend_schema(request=NewPriceSerializer, responses={201: PriceSerializer})
    def create(self, request: Request) -> Response:
        """Set what a deployment costs from now or a later moment on."""
        require_price_setter(viewer_of(request))
        given = body_of(request, NewPriceSerializer)
        found = Deployment.objects.select_related("provider", "version__model").filter(pk=given["deployment"]).first()
        if found is None:
            raise Missing("There is no such deployment. `GET /api/deployments/` lists them.", field="deployment")
        made = set_price(**(given | {"deployment": found}), by=viewer_of(request))
        return Response(PriceSerializer(made).data, status=status.HTTP_201_CREATED)
