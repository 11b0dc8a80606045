"""Who decides, on the control-plane API: as it stands, with every version; a change tried, and asked for."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework import request as http
from rest_framework.decorators import action
from rest_framework.response import Response

from approvals.delegation.asking import AS_ALL, propose, require_proposer, tried
from approvals.delegation.capabilities import capabilities
from approvals.delegation.preview import Preview
from approvals.delegation.standing import Standing, standings
from approvals.delegation.tables import Delegation, Mode
from approvals.documents import document_of
from approvals.scoping import SEE_ALL
from approvals.serializers import RequestDetailSerializer
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import flag_of, one_of, text_of, viewer_of
from tenants.models import Tenant, User
from tenants.scoping import find_tenant, tenants_for


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    """A version. `tenant` null: everywhere; `mode` empty: an exception ended."""

    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Delegation
        fields = [
            "id", "capability", "tenant", "mode", "threshold", "version", "sentence", "request_number",
            "effective_from", "superseded_at", "in_force",
        ]  # fmt: skip

    def get_in_force(self, row: Delegation) -> bool:
        return row.superseded_at is None


class WhoDecidesSerializer(serializers.Serializer[Standing]):
    """Who decides on one capability. `version` 0: as installed."""

    capability = serializers.CharField(source="capability.slug")
    name = serializers.CharField(source="capability.name")
    mode = serializers.ChoiceField(choices=Mode.choices)
    threshold = serializers.DictField(child=serializers.CharField())
    version = serializers.IntegerField()
    is_own = serializers.BooleanField(help_text="An exception of this tenant.")
    words = serializers.CharField()
    means = serializers.CharField()
    sentence = serializers.CharField()


class NewDelegationSerializer(Body):
    capability = serializers.CharField(max_length=40)
    mode = serializers.ChoiceField(choices=[*Mode.choices, (AS_ALL, "As all other tenants")])
    threshold = serializers.DictField(
        child=serializers.CharField(max_length=40, allow_blank=True), default=dict,
        help_text="The capability's bounds by their names, for the mode `above`.",
    )  # fmt: skip
    tenant = serializers.CharField(
        max_length=40, default="", allow_blank=True, help_text="Empty: for all that have no exception."
    )
    sentence = serializers.CharField(max_length=300, help_text="Why; people read it where it bites.")


class SideSerializer(serializers.Serializer[Any]):
    who = serializers.CharField()
    people = serializers.ListField(child=serializers.CharField(), help_text="The first few.")
    count = serializers.IntegerField()


class DelegationPreviewSerializer(serializers.Serializer[Preview]):
    before = WhoDecidesSerializer()
    after = WhoDecidesSerializer()
    words = serializers.CharField()
    tenants = serializers.IntegerField(help_text="For how many it holds.")
    gains = SideSerializer(many=True)
    loses = SideSerializer(many=True)
    not_shown = serializers.IntegerField()
    history = serializers.CharField()


class NewestDelegation(CursorPaging):
    ordering = ("-effective_from", "-id")


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("capability", str),
            OpenApiParameter("tenant", str, description="A tenant's slug: its exceptions."),
            OpenApiParameter("in_force", bool),
        ]
    )
)
class DelegationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Delegation]):
    """Versions of who decides: those of every tenant, and the exceptions of tenants that you see."""

    queryset = Delegation.objects.none()
    serializer_class = DelegationSerializer
    pagination_class = NewestDelegation
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Delegation]:
        viewer = viewer_of(self.request)
        rows = Delegation.objects.select_related("tenant")
        if not viewer.has_perm(SEE_ALL):
            rows = rows.filter(Q(tenant=None) | Q(tenant__in=tenants_for(viewer).order_by().values("pk")))
        if slug := one_of(self.request, "capability", [each.slug for each in capabilities()]):
            rows = rows.filter(capability=slug)
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant=find_tenant(viewer, slug))
        in_force = flag_of(self.request, "in_force")
        return rows if in_force is None else rows.filter(superseded_at__isnull=in_force)

    @extend_schema(
        parameters=[OpenApiParameter("tenant", str, description="A tenant's slug; none: everywhere.")],
        responses=WhoDecidesSerializer(many=True),
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def standing(self, request: http.Request) -> Response:
        """Who decides on each capability now."""
        slug = text_of(request, "tenant")
        tenant = find_tenant(viewer_of(request), slug) if slug else None
        told = WhoDecidesSerializer(standings(tenant), many=True)  # type: ignore[arg-type]  # of a list
        return Response(told.data)

    @extend_schema(request=NewDelegationSerializer, responses={201: RequestDetailSerializer})
    def create(self, request: http.Request) -> Response:
        """Ask for a change. It is in force once the request, which is answered, is approved."""
        viewer = viewer_of(request)
        require_proposer(viewer)
        sent = propose(**_given(request, viewer), by=viewer)
        return Response(document_of(sent.number, viewer), status=status.HTTP_201_CREATED)

    @extend_schema(request=NewDelegationSerializer, responses=DelegationPreviewSerializer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: http.Request) -> Response:
        """What a change would do: who gains, who loses, and where past requests would have gone. Changes nothing."""
        viewer = viewer_of(request)
        require_proposer(viewer)
        return Response(DelegationPreviewSerializer(tried(**_given(request, viewer))).data)


def _given(request: http.Request, viewer: User) -> dict[str, Any]:
    given = body_of(request, NewDelegationSerializer)
    slug = given.pop("tenant")
    tenant: Tenant | None = find_tenant(viewer, slug) if slug else None
    return {**given, "tenant": tenant}
