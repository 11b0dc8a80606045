"""What this room offers on the control-plane API: calls and figures, with the filters of the pages."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from tenants.api.paging import CursorPaging
from tenants.api.reading import viewer_of
from usage.asked import Asked, ask
from usage.bodies.api import CallContent, ErasureViewSet, RetentionBoundViewSet, RetentionViewSet
from usage.call_page import find_call
from usage.calls_page import found
from usage.capacity.api import CapacityViewSet
from usage.dimensions import DIMENSIONS
from usage.figures import figures
from usage.filters import DETOURS
from usage.latency import latency
from usage.limits.api import BudgetViewSet, LimitRequestViewSet, LimitViewSet
from usage.models import Call
from usage.month import Month, month
from usage.movers import movers
from usage.overview_page import fitting, words_of
from usage.period import NAMED
from usage.price_api import PriceViewSet
from usage.scope import sight_of
from usage.tail.api import TailSerializer, tail
from usage.tail.looking import RUNNING
from usage.totals import Source

MOST_LINES = 1_000
FILTERS = [
    OpenApiParameter("period", str, enum=list(NAMED), description="30d unless told."),
    OpenApiParameter("since", str, description="First UTC day, YYYY-MM-DD; instead of `period`."),
    OpenApiParameter("until", str, description="Last UTC day, YYYY-MM-DD."),
    OpenApiParameter("tenant", str, description="A tenant's slug."),
    OpenApiParameter("project", str, description="`tenant/project`"),
    OpenApiParameter("environment", str, description="A kind, or `tenant/project/kind`."),
    OpenApiParameter("route", str),
    OpenApiParameter("provider", str),
    OpenApiParameter("key", str, description="A key's prefix; `playground`: calls without a key."),
    OpenApiParameter("person", str, description="A username, or `me`."),
]
OF_CALLS = [
    OpenApiParameter("outcome", str, enum=[*Call.Outcome.values, "errors"]),
    OpenApiParameter("origin", str, enum=Call.Origin.values),
    OpenApiParameter("request", str, description="A request id, or a trace's (W3C)."),
    OpenApiParameter("detour", str, enum=list(DETOURS), description="Calls that were retried, fell back or waited."),
]


class CallPaging(CursorPaging):
    """Newest first, by the moment a call began."""

    ordering = ("-started_at", "-id")


class CallAttemptSerializer(serializers.Serializer[Any]):
    deployment = serializers.UUIDField()
    provider = serializers.CharField()
    upstream_name = serializers.CharField()
    fallback = serializers.CharField(required=False, help_text="The route that it was asked by, if another was called.")
    began_ms = serializers.IntegerField(help_text="Since the call was admitted, as all moments here.")
    sent_ms = serializers.IntegerField(required=False, help_text="Where its opening was kept safe first.")
    answered_ms = serializers.IntegerField(required=False)
    ended_ms = serializers.IntegerField(required=False)
    failure = serializers.CharField(required=False, help_text="The code of why it was left.")
    status = serializers.IntegerField(required=False, help_text="What the provider answered with, if that was why.")


class TimingSerializer(serializers.Serializer[Any]):
    """What a call spent its time with, in milliseconds."""

    reading_ms = serializers.IntegerField(help_text="Before the call began: until its request was read.")
    admission_ms = serializers.IntegerField(help_text="Then until it was admitted, counted and reserved.")
    waits = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="From when to when it waited for room at a deployment.",
    )
    attempts = CallAttemptSerializer(many=True)


class CallSerializer(serializers.ModelSerializer[Call]):
    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    project: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    environment: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="kind", read_only=True)
    is_loopback = serializers.BooleanField(read_only=True, help_text="No model answered: the gateway did, for a test.")
    trace_id = serializers.UUIDField(format="hex", allow_null=True, read_only=True)
    timing = TimingSerializer(allow_null=True, read_only=True, help_text="null: it was not noted")

    class Meta:
        model = Call
        exclude = ["user"]


class TotalsSerializer(serializers.Serializer[Any]):
    cost = serializers.DecimalField(max_digits=36, decimal_places=12)
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # fields leave the class
    unpriced = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    duration_ms = serializers.IntegerField()


class LineSerializer(serializers.Serializer[Any]):
    label = serializers.CharField(source="name.label")  # type: ignore[assignment]  # fields leave the class
    value = serializers.CharField(source="name.value")
    now = TotalsSerializer()
    cost_before = serializers.DecimalField(max_digits=36, decimal_places=12, source="before.cost")
    calls_before = serializers.IntegerField(source="before.calls")


class DaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    totals = TotalsSerializer()


class LatencySerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    p50_ms = serializers.IntegerField(allow_null=True)
    p95_ms = serializers.IntegerField(allow_null=True)
    first_token_p50_ms = serializers.IntegerField(allow_null=True)
    first_token_p95_ms = serializers.IntegerField(allow_null=True)


class MoverSerializer(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    value = serializers.CharField(help_text="Of the dimension `by`.")
    is_more = serializers.BooleanField()


@extend_schema_serializer(many=False)
class FiguresSerializer(serializers.Serializer[Any]):
    since = serializers.DateField(source="period.since")
    until = serializers.DateField(source="period.until")
    by = serializers.CharField(source="dimension.slug")
    currency = serializers.CharField()
    now = TotalsSerializer()
    before = TotalsSerializer()
    days = DaySerializer(many=True)
    lines = LineSerializer(many=True)
    line_count = serializers.IntegerField(source="count")
    rest = TotalsSerializer(help_text="what the lines that are not listed add up to")
    other_currencies = serializers.DictField(child=serializers.DecimalField(max_digits=36, decimal_places=12))
    latency = LatencySerializer(allow_null=True)
    movers = MoverSerializer(many=True, help_text="Who spends notably more or less than in the period before.")


@extend_schema_serializer(many=False)
class MonthSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    spent = serializers.DecimalField(max_digits=36, decimal_places=12)
    calls = serializers.IntegerField()
    forecast = serializers.DecimalField(
        max_digits=36,
        decimal_places=12,
        allow_null=True,
        help_text="For the whole month; null while nothing was spent in the four weeks before.",
    )


@extend_schema_view(list=extend_schema(parameters=[*FILTERS, *OF_CALLS]))
class CallViewSet(CallContent, viewsets.ReadOnlyModelViewSet[Call]):
    """Metered calls: of the tenants whose usage you may see, and your own."""

    queryset = Call.objects.none()
    serializer_class = CallSerializer
    pagination_class = CallPaging
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Call]:
        if getattr(self, "swagger_fake_view", False):
            return Call.objects.none()
        return found(_asked(self.request))

    def get_object(self) -> Call:
        return find_call(self.request.user, UUID(str(self.kwargs["pk"])))

    @extend_schema(
        operation_id="usage_calls_tail",
        parameters=[
            OpenApiParameter("tenant", str, required=True, description="The tenant's slug."),
            OpenApiParameter("after", str, description="What the last answer told; without it the last calls."),
            *(each for each in FILTERS if each.name in ("project", "environment", "route", "key", "person")),
            OpenApiParameter("outcome", str, enum=[RUNNING, *Call.Outcome.values, "errors"]),
            *(each for each in OF_CALLS if each.name != "outcome"),
        ],
        responses=TailSerializer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def tail(self, request: Request) -> Response:
        """Calls of one tenant as they start and end: those under way, and those that ended since the last question. By
        outcome, request or detour only those that ended are found; `outcome=running` finds the others."""
        return Response(tail(request.query_params, viewer_of(request)))


class FiguresViewSet(viewsets.ViewSet):
    """Figures of usage: totals with those of the period before, by day, and broken down by a dimension."""

    @extend_schema(
        parameters=[
            *FILTERS,
            OpenApiParameter("by", str, enum=list(DIMENSIONS), description="route unless told."),
            OpenApiParameter("currency", str),
            OpenApiParameter("q", str, description="Words in the names of the lines; the totals stay those of all."),
        ],
        responses=FiguresSerializer,
    )
    def list(self, request: Request) -> Response:
        asked, words = _asked(request), words_of(request.query_params)
        told = figures(
            asked.sight, asked.filters, asked.period, asked.dimension, currency=asked.currency,
            named=None if words else MOST_LINES,
        )  # fmt: skip
        timed = latency(asked.sight, asked.filters, asked.period) if told.now.calls else None
        days = [{"day": day, "totals": totals} for day, totals in told.days.items()]
        told_of = {field.name: getattr(told, field.name) for field in fields(told)}
        told_of |= {"days": days, "latency": timed, "rest": told.rest}
        told_of["movers"] = movers(Source(asked.sight, asked.filters, told.currency), told)
        if words:
            lines = fitting(told.lines, words)
            told_of |= {"lines": lines[:MOST_LINES], "count": len(lines)}
        return Response(FiguresSerializer(told_of).data)


class MonthViewSet(viewsets.ViewSet):
    """This month: what was spent in the tenants whose usage you may see, and what it will come to."""

    @extend_schema(operation_id="usage_month", responses=MonthSerializer)
    def list(self, request: Request) -> Response:
        told = month(sight_of(viewer_of(request))) or Month(settings.CURRENCY)
        return Response(MonthSerializer(told).data)


def _asked(request: Request) -> Asked:
    return ask(request.query_params, request.user, strict=True)  # type: ignore[arg-type]


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("usage/calls", CallViewSet, basename="call")
    router.register("usage/figures", FiguresViewSet, basename="figures")
    router.register("usage/month", MonthViewSet, basename="usage-month")
    router.register("prices", PriceViewSet, basename="price")
    router.register("limits", LimitViewSet, basename="limit")
    router.register("capacities", CapacityViewSet, basename="capacity")
    router.register("retention", RetentionViewSet, basename="retention")
    router.register("retention-bounds", RetentionBoundViewSet, basename="retention-bound")
    router.register("erasures", ErasureViewSet, basename="erasure")
    router.register("budgets", BudgetViewSet, basename="budget")
    router.register("limit-requests", LimitRequestViewSet, basename="limit-request")
