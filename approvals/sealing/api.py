"""Decisions on the control-plane API: read, compared with what is now, handed out as archives, and verified."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework import request as http
from rest_framework.decorators import action
from rest_framework.response import Response

from approvals import serializers as s
from approvals.decisions import HOLDS, OUTCOMES, AskedDecisions, find_decisions
from approvals.models import Decision, DecisionVerification
from approvals.sealing.since import since
from approvals.sealing.verifications import require_auditor, start
from approvals.subjects import kinds
from approvals.views.decision import as_archive
from refusals.errors import Invalid
from tenants.api.paging import CursorPaging
from tenants.api.reading import one_of, text_of, viewer_of
from ui.streaming import StreamsUnderAsgi


class ByDecision(CursorPaging):
    """The newest decision first."""

    ordering = ("-decided_at", "-id")


class ByRun(CursorPaging):
    """The newest run first."""

    ordering = ("-asked_at", "-id")


class ChangeSinceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    then = serializers.JSONField(allow_null=True)
    now = serializers.JSONField(allow_null=True)


class SinceSerializer(serializers.Serializer[Any]):
    """What of the subject is not as it was decided on."""

    is_known = serializers.BooleanField(
        help_text="False: it is older than fingerprints, or its kind has nothing to compare."
    )
    changes = ChangeSinceSerializer(many=True)


class DecisionVerificationSerializer(serializers.ModelSerializer[DecisionVerification]):
    findings = s.SealFindingSerializer(many=True, read_only=True)

    class Meta:
        model = DecisionVerification
        fields = ["id", "state", "asked_by", "asked_at", "finished_at", "decisions", "seals", "findings", "error"]


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="A number, a model, or words of the request."),
            OpenApiParameter("outcome", str, enum=list(OUTCOMES)),
            OpenApiParameter("kind", str, description="A kind of subject: access, onboarding."),
            OpenApiParameter("tenant", str, description="A tenant's slug."),
            OpenApiParameter("holds", str, enum=list(HOLDS), description="Whether it holds now or has ended."),
            OpenApiParameter("request", OpenApiTypes.INT, description="A request's number."),
        ]
    )
)
class DecisionViewSet(viewsets.ReadOnlyModelViewSet[Decision]):
    """Decisions, frozen and sealed: what was decided, by whom, on what they saw, with the record's SHA-256."""

    queryset = Decision.objects.none()
    serializer_class = s.DecisionSerializer
    pagination_class = ByDecision
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_serializer_class(self) -> type[s.DecisionSerializer]:
        return s.SealedDecisionSerializer if self.action == "retrieve" else s.DecisionSerializer

    def get_queryset(self) -> QuerySet[Decision]:
        one_of(self.request, "outcome", list(OUTCOMES))
        one_of(self.request, "holds", list(HOLDS))
        one_of(self.request, "kind", [kind.slug for kind in kinds()])
        rows = find_decisions(viewer_of(self.request), AskedDecisions.read(self.request.query_params))
        if number := text_of(self.request, "request"):
            if not number.isdecimal() or len(number) > 9:
                raise Invalid("“request” is a request's number.", field="request")
            rows = rows.filter(request__number=int(number))
        return rows

    @extend_schema(responses=SinceSerializer, filters=False)
    @action(detail=True, pagination_class=None)
    def since(self, request: http.Request, pk: str) -> Response:
        """What changed since: the fingerprint of the subject now against the one that was sealed, field by field."""
        return Response(SinceSerializer(since(self.get_object())).data)

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, filters=False)
    @action(detail=True, pagination_class=None)
    def archive(self, request: http.Request, pk: str) -> StreamsUnderAsgi:
        """Everything in one file that `atrium decision verify` verifies offline."""
        return as_archive(request._request, self.get_object())


class DecisionVerificationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[DecisionVerification]
):
    """Runs that verify every decision and the chain of their seals, for auditors."""

    queryset = DecisionVerification.objects.all()
    serializer_class = DecisionVerificationSerializer
    pagination_class = ByRun
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[DecisionVerification]:
        if not getattr(self, "swagger_fake_view", False):
            require_auditor(viewer_of(self.request))
        return DecisionVerification.objects.all()

    @extend_schema(request=None, responses={202: DecisionVerificationSerializer})
    def create(self, request: http.Request) -> Response:
        """Have a worker verify every decision."""
        require_auditor(viewer_of(request))
        made = start(by=viewer_of(request))
        return Response(DecisionVerificationSerializer(made).data, status=status.HTTP_202_ACCEPTED)
