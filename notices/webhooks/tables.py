"""Addresses that hear of a tenant's events, the events, and what became of telling each."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Tenant, User


class Endpoint(models.Model):
    """An address of a tenant's own programs. Its secret signs what is sent to it and is kept encrypted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=120, blank=True)
    events = ArrayField(models.CharField(max_length=40))
    secret = models.BinaryField()
    earlier_secret = models.BinaryField(null=True, blank=True, help_text="also signs, until `earlier_until`")
    earlier_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    switched_off_at = models.DateTimeField(null=True, blank=True)
    switched_off_because = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True, help_text="somebody delivers to it now")

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "url"], name="one_webhook_an_address")]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def state(self) -> str:
        """`disabled`, `failing` or `active`."""
        if self.switched_off_at is not None:
            return "disabled"
        return "failing" if self.failing_since else "active"

    @property
    def has_earlier_secret(self) -> bool:
        """Whether a secret that was replaced still signs."""
        return self.earlier_until is not None and self.earlier_until > timezone.now()


class Event(models.Model):
    """Something that happened in a tenant, as it is told: written in the transaction in which it happened."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    at = models.DateTimeField(default=timezone.now)
    told: models.JSONField[Any, Any] = models.JSONField(default=dict, help_text="the `data` of the body")

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M:%S}"


class Delivery(models.Model):
    """One event for one address, until it was taken or given up."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="one_delivery_an_event")]
        indexes = [
            models.Index(fields=["endpoint", "-created_at"]),
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="deliveries_that_wait"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"


class Attempt(models.Model):
    """One try of a delivery. It is written before the request leaves; one without an end was broken off."""

    owned_through = "delivery"

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    begun_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True, help_text="the beginning of what was answered")
    error = models.CharField(max_length=200, blank=True, help_text="why there was no answer")

    class Meta:
        ordering = ["begun_at", "pk"]

    def __str__(self) -> str:
        return f"attempt at {self.begun_at:%Y-%m-%d %H:%M:%S}"

    @property
    def was_taken(self) -> bool:
        """Whether the address answered that it has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def was_broken_off(self) -> bool:
        """Whether nobody knows how it ended."""
        return self.duration_ms is None and self.begun_at < timezone.now() - dt.timedelta(minutes=2)
