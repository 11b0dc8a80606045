"""What this room offers on the control-plane API: what comes by mail, and webhooks with their deliveries."""

from __future__ import annotations

from rest_framework.routers import DefaultRouter

from notices.mail.api import MailChoiceViewSet, MailDefaultViewSet
from notices.webhooks.api import DeliveryViewSet, EventKindViewSet, WebhookViewSet


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("mail-choices", MailChoiceViewSet, basename="mail-choice")
    router.register("mail-defaults", MailDefaultViewSet, basename="mail-default")
    router.register("webhooks", WebhookViewSet, basename="webhook")
    router.register("webhook-deliveries", DeliveryViewSet, basename="webhook-delivery")
    router.register("webhook-events", EventKindViewSet, basename="webhook-event")
