"""What this room offers on the control-plane API: entries and verifications, for those who may search the audit."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from audit import verification_list, verifications
from audit.models import Entry, Verification
from audit.pages import require_searcher
from audit.search import asked_of, find
from refusals.errors import Invalid

FILTERS = [
    OpenApiParameter("who", str, description="A username, or an actor's id or name as written."),
    OpenApiParameter("verb", str, description="A verb, or its beginning with the dot: `key.`"),
    OpenApiParameter("subject", str, description="`kind` or `kind:id`"),
    OpenApiParameter("tenant", str, description="A tenant's slug."),
    OpenApiParameter("since", str, description="First UTC day, YYYY-MM-DD."),
    OpenApiParameter("until", str, description="Last UTC day, YYYY-MM-DD."),
    OpenApiParameter("q", str, description="Words of the actor or the subject."),
]


class SearchersOnly(BasePermission):
    """Only who may search the audit."""

    def has_permission(self, request: Request, view: Any) -> bool:
        require_searcher(request.user)
        return True


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = [
            "id", "day", "sequence", "at", "actor_kind", "actor_id", "actor_label", "verb", "subject_kind",
            "subject_id", "subject_label", "tenant", "facts", "request_id", "previous_hash", "hash",
        ]  # fmt: skip


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    class Meta:
        model = Verification
        fields = [
            "id", "state", "asked_by", "asked_at", "finished_at", "total", "checked", "days", "findings", "notes",
            "receipt", "error",
        ]  # fmt: skip
        read_only_fields = fields


@extend_schema_view(list=extend_schema(parameters=FILTERS))
class EntryViewSet(viewsets.ReadOnlyModelViewSet[Entry]):
    """Entries of the audit, newest first."""

    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    permission_classes = [IsAuthenticated, SearchersOnly]
    filter_backends: list[Any] = []
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Entry]:
        return find(asked_of(self.request.query_params)) if self.action == "list" else super().get_queryset()


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words in the name of who asked."),
            OpenApiParameter("state", str, enum=Verification.State.values),
        ]
    )
)
class VerificationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet[Verification]
):
    """Verifications of the audit: POST asks for one (or answers the one under way), GET tells how far it is."""

    queryset = Verification.objects.all()
    serializer_class = VerificationSerializer
    permission_classes = [IsAuthenticated, SearchersOnly]
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Verification]:
        if self.action != "list":
            return super().get_queryset()
        text, state = (self.request.query_params.get(name, "").replace("\x00", "")[:200] for name in ("q", "state"))
        if state and state not in Verification.State.values:
            raise Invalid(f"“state” is one of {', '.join(Verification.State.values)}.", field="state")
        return verification_list.find(text=text, state=state)

    @extend_schema(request=None, responses={202: VerificationSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        started = verifications.start(by=request.user)
        return Response(VerificationSerializer(started).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=VerificationSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        verifications.cancel(verification=found, by=request.user)
        found.refresh_from_db()
        return Response(VerificationSerializer(found).data)


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("audit/entries", EntryViewSet, basename="audit-entry")
    router.register("audit/verifications", VerificationViewSet, basename="audit-verification")
