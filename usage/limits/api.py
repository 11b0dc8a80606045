"""Limits and budgets on the control-plane API: what is set, what applies and why; setting them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.documents import document_of
from approvals.serializers import RequestDetailSerializer
from refusals.errors import Invalid
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import text_of, viewer_of
from tenants.models import LARGEST_WEIGHT
from tenants.scoping import visible
from usage.limits.asking import request_limits
from usage.limits.authority import setting_as
from usage.limits.budgets import LARGEST_BUDGET, MOST_WARNINGS, remove_budget, set_budget
from usage.limits.effective import effective, held_limits
from usage.limits.places import LEVELS, WITH_PLACES, Place, find_place, place_of
from usage.limits.setting import set_limits
from usage.limits.spending import Spending, spending
from usage.limits.tables import LARGEST_LIMIT, Budget, Limit, Metric, Span
from usage.limits.weighing import require_weigher, set_weight

PLACE_HELP = "A tenant's short name, “tenant/project”, “tenant/project/production”, or the prefix of a key."
PLACE = OpenApiParameter("place", str, description=f"{PLACE_HELP} What is set there alone.")
TENANT = OpenApiParameter("tenant", str, description="A tenant's slug: everything that is set in it.")


class PlaceSerializer(serializers.Serializer[Place]):
    level = serializers.ChoiceField(choices=LEVELS)
    path = serializers.CharField()
    name = serializers.CharField()


class LimitSerializer(serializers.ModelSerializer[Limit]):
    place = serializers.SerializerMethodField()
    metric = serializers.ChoiceField(choices=Metric.choices)

    class Meta:
        model = Limit
        fields = ["id", "place", "metric", "amount", "set_at"]

    @extend_schema(responses=PlaceSerializer)
    def get_place(self, limit: Limit) -> Any:
        return PlaceSerializer(place_of(limit)).data


class EffectiveSerializer(serializers.Serializer[Any]):
    """`amount` null: nothing limits it. `source`: the place whose limit it is."""

    metric = serializers.ChoiceField(choices=Metric.choices)
    amount = serializers.IntegerField(allow_null=True)
    own = serializers.IntegerField(allow_null=True, help_text="What is set at the place itself.")
    source = PlaceSerializer(allow_null=True)  # type: ignore[assignment]  # a field called like an argument of DRF's
    sentence = serializers.CharField(help_text="Why it is so.")


def _amount(what: str) -> Any:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LARGEST_LIMIT, help_text=f"{what}; null takes it away."
    )


class LimitsSerializer(Body):
    """What is left out stays as it is."""

    place = serializers.CharField(max_length=200, help_text=PLACE_HELP)
    requests = _amount("Requests in any 60 seconds")
    tokens = _amount("Tokens, in and out, in any 60 seconds")
    input_tokens = _amount("Tokens of prompts in any 60 seconds")
    output_tokens = _amount("Tokens of answers in any 60 seconds")
    concurrent = _amount("Calls at the same moment")


class WeightSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    weight = serializers.IntegerField(min_value=1, max_value=LARGEST_WEIGHT)


class BudgetSerializer(serializers.Serializer[Spending]):
    id = serializers.UUIDField(source="budget.pk")
    place = serializers.SerializerMethodField()
    span = serializers.ChoiceField(source="budget.span", choices=Span.choices)
    amount = serializers.DecimalField(source="budget.amount", max_digits=18, decimal_places=6)
    currency = serializers.CharField(source="budget.currency")
    is_hard = serializers.BooleanField(source="budget.is_hard")
    warn_at = serializers.ListField(source="budget.warn_at", child=serializers.IntegerField())
    begins = serializers.DateField(help_text="The first day of the period under way, UTC.")
    ends = serializers.DateField(help_text="The first day after it.")
    spent = serializers.DecimalField(max_digits=36, decimal_places=12)
    left = serializers.DecimalField(max_digits=36, decimal_places=12)
    set_at = serializers.DateTimeField(source="budget.set_at")

    @extend_schema(responses=PlaceSerializer)
    def get_place(self, standing: Spending) -> Any:
        return PlaceSerializer(place_of(standing.budget)).data


class NewBudgetSerializer(Body):
    place = serializers.CharField(max_length=200, help_text=PLACE_HELP)
    amount = serializers.DecimalField(max_digits=18, decimal_places=6, min_value=Decimal(0), max_value=LARGEST_BUDGET)
    span = serializers.ChoiceField(choices=Span.choices, default=Span.MONTH)
    is_hard = serializers.BooleanField(default=False, help_text="The gateway refuses what would go beyond it.")
    warn_at = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=100), max_length=MOST_WARNINGS, required=False
    )


class WantedBudgetSerializer(Body):
    amount = serializers.DecimalField(max_digits=18, decimal_places=6, min_value=Decimal(0), max_value=LARGEST_BUDGET)
    span = serializers.ChoiceField(choices=Span.choices, default=Span.MONTH)
    is_hard = serializers.BooleanField(default=False)


class LimitRequestSerializer(Body):
    """What is left out stays as it is."""

    place = serializers.CharField(max_length=200, help_text=PLACE_HELP)
    requests = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_LIMIT)
    tokens = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_LIMIT)
    input_tokens = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_LIMIT)
    output_tokens = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_LIMIT)
    concurrent = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_LIMIT)
    budget = WantedBudgetSerializer(required=False)
    reason = serializers.CharField(max_length=4000)


class LimitRequestViewSet(viewsets.ViewSet):
    """Ask for limits or a budget that you may not set yourself. Then read it under `/api/requests/`."""

    @extend_schema(request=LimitRequestSerializer, responses={201: RequestDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask that limits or a budget are set at a place."""
        given, viewer = body_of(request, LimitRequestSerializer), viewer_of(request)
        budget = given.pop("budget", {})
        made = request_limits(
            place=find_place(viewer, given.pop("place")),
            reason=given.pop("reason"),
            amounts=given,
            budget=budget.get("amount"),
            span=budget.get("span", Span.MONTH),
            is_hard=budget.get("is_hard", False),
            by=viewer,
        )
        return Response(document_of(made.number, viewer), status=status.HTTP_201_CREATED)


class NewestSet(CursorPaging):
    ordering = ("-set_at", "-id")


@extend_schema_view(list=extend_schema(parameters=[PLACE, TENANT]))
class LimitViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Limit]):
    """Limits as they are set. What applies at a place, and why: `GET /api/limits/effective/`."""

    queryset = Limit.objects.none()
    serializer_class = LimitSerializer
    pagination_class = NewestSet
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Limit]:
        return _asked(self.request, Limit.objects.select_related(*WITH_PLACES))

    @extend_schema(request=LimitsSerializer, responses=EffectiveSerializer(many=True))
    def create(self, request: Request) -> Response:
        """Set or take away limits of a place; what then applies there."""
        given = body_of(request, LimitsSerializer)
        place = find_place(viewer_of(request), given.pop("place"))
        with setting_as(viewer_of(request), place, amounts=given):
            set_limits(place=place, amounts=given, by=viewer_of(request))
        return self._told(place)

    @extend_schema(
        parameters=[OpenApiParameter("place", str, required=True, description=PLACE_HELP)],
        responses=EffectiveSerializer(many=True),
    )
    @action(detail=False, pagination_class=None)
    def effective(self, request: Request) -> Response:
        """What applies at a place for each metric: the smallest of its own and of all above it, and why."""
        path = text_of(request, "place")
        if not path:
            raise Invalid(f"Name the place. {PLACE_HELP}", field="place")
        return self._told(find_place(viewer_of(request), path))

    @extend_schema(
        methods=["GET"],
        parameters=[OpenApiParameter("tenant", str, required=True, description="A tenant's slug.")],
        responses=WeightSerializer,
    )
    @extend_schema(methods=["POST"], request=WeightSerializer, responses=WeightSerializer)
    @action(detail=False, methods=["get", "post"], pagination_class=None)
    def weight(self, request: Request) -> Response:
        """A tenant's weight: its share, beside other tenants, where calls wait for a deployment that is full."""
        viewer = viewer_of(request)
        if request.method == "GET":
            slug = text_of(request, "tenant")
            if not slug:
                raise Invalid("Name the tenant.", field="tenant")
            tenant = find_place(viewer, slug.partition("/")[0]).tenant
        else:
            given = body_of(request, WeightSerializer)
            tenant = find_place(viewer, given["tenant"].partition("/")[0]).tenant
            require_weigher(viewer)
            tenant = set_weight(tenant=tenant, weight=given["weight"], by=viewer)
        return Response({"tenant": tenant.slug, "weight": tenant.weight})

    def _told(self, place: Place) -> Response:
        told = effective(place, held_limits(place.tenant.pk))
        return Response(EffectiveSerializer(told, many=True).data)


@extend_schema_view(list=extend_schema(parameters=[PLACE, TENANT]))
class BudgetViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Budget]):
    """Budgets with what was spent of them in the period under way. They need the permission to see usage."""

    queryset = Budget.objects.none()
    serializer_class = BudgetSerializer  # type: ignore[assignment]  # of how a budget stands
    pagination_class = NewestSet
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Budget]:
        return _asked(self.request, Budget.objects.select_related(*WITH_PLACES), "tenants.view_usage")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = self.paginate_queryset(self.get_queryset()) or []
        standing = spending(found)
        told = BudgetSerializer([standing[budget.pk] for budget in found], many=True)  # type: ignore[arg-type]
        return self.get_paginated_response(told.data)

    @extend_schema(request=NewBudgetSerializer, responses=BudgetSerializer)
    def create(self, request: Request) -> Response:
        """Give a place a budget; one that it has for the same period is changed."""
        given = body_of(request, NewBudgetSerializer)
        place = find_place(viewer_of(request), given.pop("place"))
        warnings = given.pop("warn_at", None)
        with setting_as(viewer_of(request), place, budget=(given["amount"], given["span"], given["is_hard"])):
            made = set_budget(place=place, warnings=warnings, by=viewer_of(request), **given)
        budget = Budget.objects.select_related(*WITH_PLACES).get(pk=made.pk)
        return Response(BudgetSerializer(spending([budget])[budget.pk]).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Take a budget away."""
        budget = self.get_object()
        place = place_of(budget)
        with setting_as(viewer_of(request), place, budget=(None, budget.span, False)):
            remove_budget(place=place, span=budget.span, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _asked(request: Request, rows: QuerySet[Any], permission: str = "tenants.view_tenant") -> QuerySet[Any]:
    """`rows` that the caller may see, of the place or tenant that is asked for."""
    found = visible(viewer_of(request), rows, permission)
    if path := text_of(request, "place"):
        found = found.filter(**find_place(viewer_of(request), path).attached)
    if slug := text_of(request, "tenant"):
        found = found.filter(Q(tenant=find_place(viewer_of(request), slug.partition("/")[0]).tenant))
    return found
