"""The noun of delegation: who decides on one capability, for every tenant or for one, version after version."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Tenant


class Mode(models.TextChoices):
    """The operating models: centralized, federated and decentralized."""

    PLATFORM = "platform", "The platform"
    ABOVE = "above", "The platform above a threshold"
    TENANT = "tenant", "The tenant"


class Delegation(models.Model):
    """Who decides on `capability` (`approvals.delegation.capabilities`); `tenant`: for that one, else for all others.

    `threshold` holds a bound by the capability's names of them: up to it the tenant decides. An empty `mode` ends an
    exception: the tenant is again as all others. A change is a new version, made by a decision.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="delegations")
    capability = models.CharField(max_length=40)
    mode = models.CharField(max_length=10, choices=Mode, blank=True)
    threshold = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    sentence = models.CharField(max_length=300, help_text="why it is so, shown where it bites")
    request_number = models.PositiveIntegerField(null=True, help_text="of the request that was approved: R-<number>")
    effective_from = models.DateTimeField(default=timezone.now)
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["capability", "tenant", "version"], nulls_distinct=False, name="delegation_version"
            ),
            models.UniqueConstraint(
                fields=["capability", "tenant"],
                condition=Q(superseded_at=None),
                nulls_distinct=False,
                name="one_delegation_in_force",
            ),
            models.CheckConstraint(condition=~Q(mode="") | ~Q(tenant=None), name="delegation_of_all_has_a_mode"),
        ]

    def __str__(self) -> str:
        return f"{self.capability} {self.tenant.slug if self.tenant else 'everywhere'} v{self.version}"
