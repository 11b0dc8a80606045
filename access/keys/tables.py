"""The noun of a permitted key."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import ApiKey, Environment, Tenant


class Permits(models.QuerySet["KeyPermit"]):
    """Many permits."""

    def unused(self) -> Permits:
        """Those with which a key can be issued now."""
        return self.filter(key=None, used_at=None, expires_at__gt=timezone.now())


class KeyPermit(models.Model):
    """That `user` may issue one key of `environment`, as a decision said; used once, until it expires."""

    stays_behind = "another tenant's word is asked for anew"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="key_permits")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    request_number = models.PositiveIntegerField(null=True, help_text="of the request that was approved: R-<number>")
    given_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = Permits.as_manager()

    class Meta:
        ordering = ["-given_at"]
        indexes = [models.Index(fields=["environment", "user"], condition=Q(used_at=None), name="key_permit_unused")]

    def __str__(self) -> str:
        return f"a key of {self.environment} for {self.user}"
