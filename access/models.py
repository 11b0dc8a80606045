"""What a decision gave: the right of an environment to call a route."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from approvals.models import Decision
from audit.identifiers import uuid7
from catalog.models import Route
from tenants.models import Environment, Tenant

EXPIRING_WITHIN = dt.timedelta(days=14)


class Grants(models.QuerySet["Grant"]):
    """Many grants."""

    def in_force(self) -> Grants:
        """Those that allow calls now: neither revoked nor past their end."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


class Grant(models.Model):
    """The right that a decision created. `conditions` are what approval demands of every call."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="grants")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="grants")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="grants")
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, null=True, related_name="grants")
    purpose = models.TextField(blank=True)
    conditions = models.JSONField(default=dict, blank=True)
    granted_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = Grants.as_manager()

    class Meta:
        ordering = ["-granted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "route"], condition=Q(revoked_at=None), name="one_grant_in_force"
            )
        ]
        indexes = [models.Index(fields=["tenant", "route"])]

    def __str__(self) -> str:
        return f"{self.route} for {self.environment}"

    @property
    def state(self) -> str:
        """`revoked`, `expired`, `expiring` (within 14 days) or `active`, as the table of states names it."""
        now = timezone.now()
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.expires_at is not None and self.expires_at <= now + EXPIRING_WITHIN:
            return "expiring"
        return "active"

    @property
    def decided_by(self) -> list[str]:
        """The names of those who approved it; nobody when the platform team gave it without a request."""
        if self.decision is None:
            return []
        votes = (vote for review in self.decision.record["reviews"] for vote in review["votes"])
        return [vote["voter"]["name"] for vote in votes if vote["verdict"] == "approve"]
