"""The nouns of the access review: a tenant's members are looked through, and each confirmed (`tenants.reviewing`)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7


class AccessReview(models.Model):
    """One looking through of the members that a tenant had at its beginning; open until it is concluded."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="access_reviews")
    began_at = models.DateTimeField(default=timezone.now)
    began_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    due_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    concluded_at = models.DateTimeField(null=True, blank=True)
    lapsed: models.JSONField[list[str], list[str]] = models.JSONField(
        default=list, help_text="user names of those whose membership lapsed"
    )

    class Meta:
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(concluded_at=None), name="one_open_access_review_a_tenant"
            )
        ]
        indexes = [models.Index(fields=["tenant", "-began_at"])]

    def __str__(self) -> str:
        return f"access review of {self.tenant}, {self.began_at:%Y-%m-%d}"

    @property
    def state(self) -> str:
        """`open`, or `closed` once it is concluded."""
        return "open" if self.concluded_at is None else "closed"


class AccessConfirmation(models.Model):
    """Somebody who answers for the tenant said that this member still needs their role."""

    owned_through = "review"

    review = models.ForeignKey(AccessReview, on_delete=models.CASCADE, related_name="confirmations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=20, help_text="that was confirmed")
    project_roles: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(
        default=dict,
        db_default={},
        help_text="those in single projects that were confirmed along with it, by short name",
    )
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["review", "user"], name="confirmed_once_a_review")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"
