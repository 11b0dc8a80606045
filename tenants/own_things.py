"""What is a person's own whatever tenant they are in: tokens of the API, what they sent once, lines in their bell."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.kept_tokens import KeptToken


class PersonalToken(KeptToken):
    """A person's token for the control-plane API. Only its keyed hash is kept; see `tenants.tokens`."""

    shared_because = "a person's own, for every tenant they belong to"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="personal_tokens")


class Sending(models.Model):
    """One sending of something that must happen once: a form with its token, or a POST with its `Idempotency-Key`.

    Written in the transaction of what it brought about (`tenants.once`), so that neither exists without the other.
    `answer` holds no secret: what is shown once is taken out before it is kept.
    """

    shared_because = "a person's own"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200, help_text="chosen by the client, or the form's own token")
    operation = models.CharField(max_length=300, help_text="method and path")
    request_hash = models.CharField(max_length=64, blank=True, help_text="keyed hash of the body")
    status = models.PositiveSmallIntegerField(default=0)
    answer: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    withheld = models.BooleanField(default=False, help_text="a secret was taken out of the answer")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="sending_once")]
        indexes = [models.Index(fields=["user", "created_at"])]

    def __str__(self) -> str:
        return f"{self.operation} at {self.created_at:%Y-%m-%d %H:%M:%S}"


class Notification(models.Model):
    """One line in somebody's bell."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20, blank=True, help_text="of `tenants.notice_kinds`; empty: from before kinds")
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    path = models.CharField(max_length=300, blank=True, help_text="where it leads, on this portal")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["user", "-created_at"]),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return self.title
