"""Webhooks on the API: addresses that hear of a tenant's events, and the log of what was sent."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from notices.webhooks import delivering, endpoints
from notices.webhooks.addresses import LONGEST_URL
from notices.webhooks.events import EVENTS, GROUPS
from notices.webhooks.outbox import body_of as sent_body
from notices.webhooks.outbox import message_id
from notices.webhooks.reading import MANAGE, STATES, deliveries_for, endpoints_for, narrowed
from notices.webhooks.tables import Attempt, Delivery, Endpoint
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import one_of, text_of, uuid_of, viewer_of
from tenants.scoping import find_tenant, require, visible

TENANT = OpenApiParameter("tenant", str, description="A tenant's slug.")


class WebhookSerializer(serializers.ModelSerializer[Endpoint]):
    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    state = serializers.ChoiceField(choices=("active", "failing", "disabled"))

    class Meta:
        model = Endpoint
        fields = [
            "id", "tenant", "url", "description", "events", "state", "created_at", "switched_off_at",
            "switched_off_because", "failing_since",
        ]  # fmt: skip


class IssuedWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


def _events() -> Any:
    return serializers.ListField(child=serializers.ChoiceField(choices=list(EVENTS)), allow_empty=False)


class NewWebhookSerializer(Body):
    tenant = serializers.CharField(max_length=40)
    url = serializers.CharField(max_length=LONGEST_URL)
    events = _events()
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)


class ChangeWebhookSerializer(Body):
    url = serializers.CharField(max_length=LONGEST_URL, required=False)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)

    def get_fields(self) -> Any:
        return super().get_fields() | {"events": _optional_events()}


def _optional_events() -> Any:
    found = _events()
    found.required = False
    return found


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    class Meta:
        model = Attempt
        fields = ["begun_at", "duration_ms", "status", "answer", "error"]


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    tenant = serializers.CharField(source="endpoint.tenant.slug")
    webhook = serializers.UUIDField(source="endpoint_id")
    message = serializers.SerializerMethodField(help_text="The `webhook-id` it is sent under.")
    event = serializers.CharField(source="event.kind")
    at = serializers.DateTimeField(source="event.at")

    class Meta:
        model = Delivery
        fields = ["id", "tenant", "webhook", "message", "event", "at", "state", "tries", "due_at", "finished_at"]

    def get_message(self, delivery: Delivery) -> str:
        return message_id(delivery.event)


class WholeDeliverySerializer(DeliverySerializer):
    body = serializers.SerializerMethodField(help_text="What is sent.")
    attempts = AttemptSerializer(many=True)

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "body", "attempts"]

    def get_body(self, delivery: Delivery) -> dict[str, Any]:
        return sent_body(delivery.event)


class EventKindSerializer(serializers.Serializer[Any]):
    event = serializers.CharField()
    name = serializers.CharField()
    group = serializers.CharField()


class ByCreation(CursorPaging):
    ordering = ("-created_at", "-id")


@extend_schema_view(list=extend_schema(parameters=[TENANT]))
class WebhookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Endpoint]):
    """Webhooks of the tenants whose settings you may change."""

    queryset = Endpoint.objects.none()
    serializer_class = WebhookSerializer
    pagination_class = ByCreation
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Endpoint]:
        if getattr(self, "swagger_fake_view", False):
            return Endpoint.objects.none()
        viewer = viewer_of(self.request)
        if self.action != "list":
            return visible(viewer, Endpoint.objects.select_related("tenant", "created_by"))
        slug = text_of(self.request, "tenant")
        return endpoints_for(viewer).filter(**{"tenant__slug": slug} if slug else {})

    def get_object(self) -> Endpoint:
        found = super().get_object()
        require(viewer_of(self.request), MANAGE, found.tenant)
        return found

    @extend_schema(request=NewWebhookSerializer, responses={201: IssuedWebhookSerializer})
    def create(self, request: Request) -> Response:
        """Add a webhook. Its secret is in this answer and is not shown again."""
        given, viewer = body_of(request, NewWebhookSerializer), viewer_of(request)
        tenant = find_tenant(viewer, given.pop("tenant"), MANAGE)
        return _shown_once(*endpoints.add(tenant=tenant, by=viewer, **given))

    @extend_schema(request=ChangeWebhookSerializer, responses=WebhookSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change where events go, and which."""
        found = self.get_object()
        changed = endpoints.change(endpoint=found, by=viewer_of(request), **body_of(request, ChangeWebhookSerializer))
        return Response(WebhookSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Remove a webhook with its log."""
        endpoints.remove(endpoint=self.get_object(), by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: IssuedWebhookSerializer})
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: Any) -> Response:
        """Replace the secret: the new one is in this answer; the one before signs too for 24 hours."""
        return _shown_once(*endpoints.rotate(endpoint=self.get_object(), by=viewer_of(request)))

    @extend_schema(request=None, responses={201: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: Any) -> Response:
        """Send an event that says that it is a test."""
        made = delivering.test(endpoint=self.get_object(), by=viewer_of(request))
        return Response(DeliverySerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"], url_path="switch-off")
    def switch_off(self, request: Request, pk: Any) -> Response:
        """Send nothing to it any more; a second time changes nothing."""
        viewer = viewer_of(request)
        changed = endpoints.switch_off(endpoint=self.get_object(), by=viewer, because=f"By {viewer}")
        return Response(WebhookSerializer(changed).data)

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"], url_path="switch-on")
    def switch_on(self, request: Request, pk: Any) -> Response:
        """Send to it again, what waits first; a second time changes nothing."""
        changed = endpoints.switch_on(endpoint=self.get_object(), by=viewer_of(request))
        return Response(WebhookSerializer(changed).data)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            OpenApiParameter("webhook", str, description="A webhook's id."),
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("event", str, enum=list(EVENTS)),
        ]
    )
)
class DeliveryViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Delivery]):
    """What was and is sent to webhooks, newest first; kept for 30 days."""

    queryset = Delivery.objects.none()
    serializer_class = DeliverySerializer
    pagination_class = ByCreation
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Delivery]:
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        viewer = viewer_of(self.request)
        if self.action != "list":
            return visible(viewer, Delivery.objects.select_related("event__tenant", "endpoint__tenant"))
        rows = deliveries_for(viewer)
        if slug := text_of(self.request, "tenant"):
            rows = rows.filter(tenant__slug=slug)
        if key := text_of(self.request, "webhook"):
            rows = rows.filter(endpoint=uuid_of(key, "webhook"))
        kind = text_of(self.request, "event")
        return narrowed(rows, state=one_of(self.request, "state", STATES), kind=kind)

    def get_object(self) -> Delivery:
        found = super().get_object()
        require(viewer_of(self.request), MANAGE, found.endpoint.tenant)
        return found

    @extend_schema(responses=WholeDeliverySerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        """One delivery with what is sent and every try."""
        return Response(WholeDeliverySerializer(self.get_object()).data)

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Send the same event again under the same id."""
        delivering.replay(delivery=self.get_object(), by=viewer_of(request))
        return Response(DeliverySerializer(self.get_object()).data)


class EventKindViewSet(viewsets.ViewSet):
    """The events that webhooks may hear of."""

    @extend_schema(operation_id="webhook_events", responses=EventKindSerializer(many=True))
    def list(self, request: Request) -> Response:
        told = [
            {"event": event, "name": words, "group": group} for group, verbs in GROUPS for event, words in verbs.items()
        ]
        return Response(EventKindSerializer(told, many=True).data)


def _shown_once(endpoint: Endpoint, secret: str) -> Response:
    told = WebhookSerializer(endpoint).data | {"secret": secret}
    return Response(told, status=status.HTTP_201_CREATED)
