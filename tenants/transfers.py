"""The noun of handing a tenant over: an owner names another member, who accepts (`tenants.ownership`)."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7

ANSWERED_WITHIN = dt.timedelta(days=7)


class Transfers(models.QuerySet["OwnershipTransfer"]):
    """Many transfers."""

    def open(self) -> Transfers:
        """Those that nobody has ended, whether or not it is too late to answer them."""
        return self.filter(accepted_at=None, declined_at=None, withdrawn_at=None)

    def waiting(self) -> Transfers:
        """Those that can be accepted now."""
        return self.open().filter(created_at__gt=timezone.now() - ANSWERED_WITHIN)


class OwnershipTransfer(models.Model):
    """`giver`, an owner of the tenant, asks `receiver`, a member, to become one in their place."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="transfers")
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    receiver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = Transfers.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(accepted_at=None, declined_at=None, withdrawn_at=None),
                name="one_open_transfer_a_tenant",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, declined_at=None)
                | Q(accepted_at=None, withdrawn_at=None)
                | Q(declined_at=None, withdrawn_at=None),
                name="transfer_ends_once",
            ),
            models.CheckConstraint(condition=~Q(giver=models.F("receiver")), name="transfer_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} from {self.giver} to {self.receiver}"

    @property
    def state(self) -> str:
        """`accepted`, `declined`, `withdrawn`, `expired` (nobody answered in 7 days) or `waiting`."""
        for at, state in (
            (self.accepted_at, "accepted"),
            (self.declined_at, "declined"),
            (self.withdrawn_at, "withdrawn"),
        ):
            if at is not None:
                return state
        return "expired" if self.created_at <= timezone.now() - ANSWERED_WITHIN else "waiting"
