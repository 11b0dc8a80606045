"""What this room offers on the control-plane API: the same questions and verbs as the pages."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, cast

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

import catalog.converters  # noqa: F401  (how a name is written in an address)
from catalog import comparing, filters, health, providers, publishing, search, standing, steering
from catalog import serializers as s
from catalog.authority import require_manager
from catalog.cards.api import ModelVersionViewSet, ReadersAndManagers
from catalog.changes.telling import since
from catalog.importing import jobs
from catalog.missing import find_model
from catalog.models import Deployment, ImportRun, Model, Provider, Route
from catalog.prompting.profile import read
from catalog.prompting.setting import set_prompting
from catalog.provider_list import SORTS, find
from catalog.register.api import RegisterViewSet
from catalog.risk.api import RiskRuleViewSet
from refusals.errors import Invalid, Missing
from tenants.api.bodies import body_of
from tenants.api.paging import CursorNotOurs
from tenants.api.reading import flag_of, one_of, text_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.models import User

MOST_AT_ONCE = 200

_FILTERS = [
    OpenApiParameter("q", str, description="Words, a task or a name."),
    *(OpenApiParameter(facet, str, many=True, description=label) for facet, label in filters.FACETS.items()),
    OpenApiParameter("granted", bool, description="1: only what some environment of yours may call."),
    OpenApiParameter("served", bool, description="1: only what is served here."),
    OpenApiParameter("sort", str, enum=list(filters.SORTS)),
    OpenApiParameter("limit", int, description=f"At most {MOST_AT_ONCE}; 25 unless told."),
    OpenApiParameter("cursor", str),
]


class ManagersOnly(BasePermission):
    """Only who may manage the catalog."""

    def has_permission(self, request: Request, view: Any) -> bool:
        require_manager(request.user)
        return True


class ModelViewSet(viewsets.GenericViewSet[Model]):
    """Models: search them as on the page, read one, compare up to five."""

    queryset = Model.objects.defer("embedding", "search_vector", "search_text")
    serializer_class = s.ModelSerializer
    lookup_field = "slug"
    lookup_value_converter = "name"
    pagination_class = None
    filter_backends: list[Any] = []

    @extend_schema(parameters=_FILTERS, responses=s.ModelPageSerializer)
    def list(self, request: Request) -> Response:
        one_of(request, "sort", list(filters.SORTS))
        asked = filters.read(request.query_params)
        limit = _limit(request)
        page = _offset(request) // limit + 1
        asked = filters.Asked(asked.text, asked.filters, asked.sort, page)
        found = search.find(cast(User, request.user), asked, page_size=limit)
        beyond = page > found.page.paginator.num_pages
        rows = [] if beyond else found.rows
        return Response(
            {
                "count": found.page.paginator.count,
                "next": _link(request, page * limit) if found.page.has_next() and not beyond else None,
                "previous": _link(request, (page - 2) * limit) if page > 1 else None,
                "corrected": found.corrected,
                "facets": [
                    {
                        "key": facet.key,
                        "label": facet.label,
                        "values": [
                            {"value": each.value, "label": each.label, "count": each.count}
                            for each in [*facet.first, *facet.more]
                        ],
                    }
                    for facet in found.facets
                ],
                "results": _written(rows),
            }
        )

    @extend_schema(responses=s.ModelDetailSerializer)
    def retrieve(self, request: Request, slug: str) -> Response:
        found = find_model(slug)
        by_route = standing.standing_of_routes(request.user, list(found.routes.all()))  # type: ignore[arg-type]
        context = {"standings": {found.pk: standing.furthest(by_route.values())}, "route_standings": by_route}
        return Response(s.ModelDetailSerializer(found, context=context).data)

    @extend_schema(responses=s.ChangeSerializer(many=True))
    @action(detail=True)
    def changes(self, request: Request, slug: str) -> Response:
        rows = find_model(slug).changes.select_related("model", "version")
        return Response(s.ChangeSerializer(rows[:200], many=True).data)

    @extend_schema(
        parameters=[OpenApiParameter("m", str, many=True, required=True, description="Slugs, at most five.")],
        responses=s.ComparisonSerializer,
    )
    @action(detail=False)
    def compare(self, request: Request) -> Response:
        slugs = list(dict.fromkeys(request.query_params.getlist("m")))[: comparing.MOST]
        found = [find_model(slug) for slug in slugs]
        rows = search.rows_of(request.user, found)  # type: ignore[arg-type]
        facts = comparing.table(rows) if rows else []
        return Response(
            {
                "models": _written(rows),
                "facts": [
                    {
                        "label": fact.label,
                        "differs": fact.differs,
                        "values": [cell.value for cell in fact.cells],
                        "best": [cell.is_best for cell in fact.cells],
                    }
                    for fact in facts
                ],
            }
        )


class ModelChangeViewSet(viewsets.ViewSet):
    """What changed on models that may matter to a decision: a feed. What a long import writes comes when it has
    ended, and what was written meanwhile with it."""

    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, description="The `id` of the last one that you know; 0 for all."),
            OpenApiParameter("matters", bool, description="0: also what no decision rests on."),
        ],
        responses=s.ChangeSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The oldest first, at most 200 at once."""
        after = text_of(request, "after") or "0"
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise Invalid("“after” is the id of a change.", field="after")
        rows = since(int(after), matters=flag_of(request, "matters") is not False)
        return Response(s.ChangeSerializer(rows[:MOST_AT_ONCE], many=True).data)


def _written(rows: list[search.Row]) -> list[Any]:
    standings = {row.model.pk: row.standing for row in rows}
    return list(s.ModelSerializer([row.model for row in rows], many=True, context={"standings": standings}).data)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "")
    return min(max(int(text), 1), MOST_AT_ONCE) if text.isascii() and text.isdigit() else search.PAGE_SIZE


def _offset(request: Request) -> int:
    """Where the page begins, from the opaque cursor. Raises `CursorNotOurs`."""
    try:
        return max(0, int(urlsafe_b64decode(request.query_params.get("cursor", "").encode()).decode() or 0))
    except ValueError as error:
        raise CursorNotOurs from error


def _link(request: Request, offset: int) -> str:
    query = request.query_params.copy()
    query["cursor"] = urlsafe_b64encode(str(max(0, offset)).encode()).decode()
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words to look for."),
            OpenApiParameter("connected", bool),
            sort_parameter(SORTS),
        ]
    )
)
class ProviderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Provider]):
    """Providers: list, connect, test, replace a credential, disconnect, ask what they serve. For the platform team."""

    queryset = Provider.objects.all()
    serializer_class = s.ProviderSerializer
    pagination_class = SortedPaging
    sorts = SORTS
    permission_classes = [IsAuthenticated, ManagersOnly]
    lookup_field = "slug"
    lookup_value_converter = "slug"
    reaches_outside = ("create", "connect_suggested", "test", "credential")  # the endpoint is asked

    def get_queryset(self) -> QuerySet[Provider]:
        if self.action != "list":
            return Provider.objects.all()
        return find(text=text_of(self.request, "q"), connected=flag_of(self.request, "connected"))

    @extend_schema(request=s.ConnectSerializer, responses={201: s.ProviderSerializer})
    def create(self, request: Request) -> Response:
        made = providers.connect(**body_of(request, s.ConnectSerializer), by=request.user)
        return Response(s.ProviderSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=s.ProviderFactsSerializer, responses=s.ProviderSerializer)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Say where it computes, and which classes of data it may see."""
        found = self.get_object()
        said = providers.describe(provider=found, by=request.user, **body_of(request, s.ProviderFactsSerializer))
        return Response(s.ProviderSerializer(said).data)

    @extend_schema(request=None, responses=s.ProviderSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, slug: str) -> Response:
        found = self.get_object()
        health.test(provider=found, by=request.user)
        return Response(s.ProviderSerializer(self.get_object()).data)

    @extend_schema(request=s.CredentialSerializer, responses=s.ProviderSerializer)
    @action(detail=True, methods=["post"])
    def credential(self, request: Request, slug: str) -> Response:
        said = body_of(request, s.CredentialSerializer)
        found = providers.replace_credential(provider=self.get_object(), by=request.user, **said)
        return Response(s.ProviderSerializer(found).data)

    @extend_schema(request=None, responses=s.ProviderSerializer)
    @action(detail=True, methods=["post"])
    def disconnect(self, request: Request, slug: str) -> Response:
        providers.disconnect(provider=self.get_object(), by=request.user)
        return Response(s.ProviderSerializer(self.get_object()).data)

    @extend_schema(responses=s.SuggestionSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def suggestions(self, request: Request) -> Response:
        """Providers whose key is in the environment of this installation and that nobody has connected yet."""
        return Response(s.SuggestionSerializer(providers.suggestions(), many=True).data)

    @extend_schema(
        operation_id="providers_connect_suggested",
        request=s.ConnectSuggestedSerializer,
        responses={201: s.ProviderSerializer},
    )
    @suggestions.mapping.post
    def connect_suggested(self, request: Request) -> Response:
        """Connect one of them with that key."""
        made = providers.connect_suggested(**body_of(request, s.ConnectSuggestedSerializer), by=request.user)
        return Response(s.ProviderSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=True)
    def models(self, request: Request, slug: str) -> Response:
        """The names that the endpoint lists now. A look only: `test` notes what it finds."""
        return Response(providers.ask(self.get_object()).models)


class RouteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Route]):
    """Routes: the names that programs call. Publishing, steering, turning on and off are for the platform team."""

    queryset = Route.objects.select_related("model", "fallback").prefetch_related("targets")
    serializer_class = s.RouteSerializer
    permission_classes = [IsAuthenticated, ReadersAndManagers]
    lookup_field = "slug"
    lookup_value_converter = "name"
    filterset_fields = {"is_enabled": ["exact"], "model__slug": ["exact"]}

    @extend_schema(request=s.PublishSerializer, responses={201: s.RouteSerializer})
    def create(self, request: Request) -> Response:
        said = body_of(request, s.PublishSerializer)
        provider = Provider.objects.filter(slug=said["provider"]).first()
        if provider is None:
            raise Missing(f"There is no provider “{said['provider']}”.", field="provider")
        route = publishing.publish(
            provider=provider,
            upstream=said["upstream_name"],
            model=find_model(said["model"]) if said["model"] else None,
            new_name=said["new_name"],
            slug=said["slug"],
            rate=publishing.Rate(said["input_per_million"], said["output_per_million"]),
            by=request.user,
        )
        return Response(s.RouteSerializer(route).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=s.SteeringSerializer, responses=s.RouteSerializer)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Say how its calls go: policy, tiers, weights, regions, fallback, time-outs. In force within a second."""
        route = self.get_object()
        sent = s.SteeringSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        steering.steer(route=route, by=request.user, **sent.said)
        return Response(s.RouteSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=s.RouteSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, slug: str) -> Response:
        publishing.enable_route(route=self.get_object(), by=request.user)
        return Response(s.RouteSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=s.RouteSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, slug: str) -> Response:
        publishing.disable_route(route=self.get_object(), by=request.user)
        return Response(s.RouteSerializer(self.get_object()).data)


class DeploymentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Deployment]):
    """Deployments: a release of a model at a provider. Draining, probing and describing are for the platform team."""

    queryset = Deployment.objects.select_related("version__model", "provider")
    serializer_class = s.DeploymentSerializer
    permission_classes = [IsAuthenticated, ReadersAndManagers]
    lookup_value_converter = "uuid"
    filterset_fields = {
        "version__model__slug": ["exact"],
        "provider__slug": ["exact"],
        "is_enabled": ["exact"],
        "health": ["exact"],
    }

    @extend_schema(request=s.DescribeDeploymentSerializer, responses=s.DeploymentSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Say where it computes, how many tokens it holds, and how prompts are put for its model."""
        found, said = self.get_object(), body_of(request, s.DescribeDeploymentSerializer)
        prompting = said.pop("prompting", None)
        with transaction.atomic():
            steering.describe(deployment=found, by=request.user, **said)
            if prompting is not None:
                set_prompting(deployment=found, prompting=read(prompting), by=request.user)
        return self._as_it_is_now()

    @extend_schema(request=None, responses=s.DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, pk: str) -> Response:
        """Send it no new calls; those under way end by themselves."""
        steering.drain(deployment=self.get_object(), by=request.user)
        return self._as_it_is_now()

    @extend_schema(request=None, responses=s.DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Send it calls again."""
        steering.resume(deployment=self.get_object(), by=request.user)
        return self._as_it_is_now()

    @extend_schema(request=None, responses=s.DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def probe(self, request: Request, pk: str) -> Response:
        """Let the next call find out whether it is back, whatever it failed or asked for before."""
        steering.probe(deployment=self.get_object(), by=request.user)
        return self._as_it_is_now()

    def _as_it_is_now(self) -> Response:
        return Response(s.DeploymentSerializer(self.get_object()).data)


class ImportRunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ImportRun]):
    """Imports of the catalog: POST asks for one (or answers the one under way), GET tells how far it is and what it
    changed."""

    queryset = ImportRun.objects.all()
    serializer_class = s.ImportRunSerializer
    permission_classes = [IsAuthenticated, ManagersOnly]
    lookup_value_converter = "int"

    @extend_schema(request=None, responses={202: s.ImportRunSerializer})
    def create(self, request: Request) -> Response:
        """Import models, facts and prices from the installed packages."""
        started = jobs.start(by=request.user)
        return Response(s.ImportRunSerializer(started).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=s.ImportRunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop an import that is not over; it leaves everything as it was."""
        found = self.get_object()
        jobs.cancel(run=found, by=request.user)
        found.refresh_from_db()
        return Response(s.ImportRunSerializer(found).data)


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("models", ModelViewSet, basename="model")
    router.register("model-versions", ModelVersionViewSet, basename="model-version")
    router.register("model-register", RegisterViewSet, basename="model-register")
    router.register("risk-rules", RiskRuleViewSet, basename="risk-rule")
    router.register("model-changes", ModelChangeViewSet, basename="model-change")
    router.register("providers", ProviderViewSet, basename="provider")
    router.register("routes", RouteViewSet, basename="route")
    router.register("deployments", DeploymentViewSet, basename="deployment")
    router.register("catalog-imports", ImportRunViewSet, basename="catalog-import")
