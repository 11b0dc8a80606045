"""The nouns of leaving: one offboarding of a tenant, and the archive that is handed out, in pieces."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Tenant


class Offboarding(models.Model):
    """A tenant on its way out. `progress` holds one line for each part of the erasure that is done."""

    class State(models.TextChoices):
        EXPORTING = "exporting", "Being packed"
        WAITING = "waiting", "Waiting to be erased"
        ERASING = "erasing", "Being erased"
        ERASED = "erased", "Erased"
        CANCELLED = "cancelled", "Called off"
        FAILED = "failed", "Stopped"

    OPEN = ("exporting", "waiting", "erasing", "failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="offboardings")
    slug = models.CharField(max_length=40, help_text="of the tenant, while it had one")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.EXPORTING)
    reason = models.CharField(max_length=500)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    erase_after = models.DateTimeField()
    export_sha256 = models.CharField(max_length=64, blank=True)
    export_bytes = models.PositiveBigIntegerField(default=0)
    progress = models.JSONField(default=list)
    error = models.CharField(max_length=300, blank=True)
    heard_at = models.DateTimeField(null=True)
    certificate = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(state__in=("exporting", "waiting", "erasing", "failed")),
                name="one_open_offboarding",
            )
        ]

    def __str__(self) -> str:
        return f"Offboarding of {self.name}"

    def get_absolute_url(self) -> str:
        return reverse("access:offboarding", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class ExportPiece(models.Model):
    """A piece of the archive (ZIP) that is handed out; gone with the erasure."""

    owned_through = "offboarding"

    offboarding = models.ForeignKey(Offboarding, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["offboarding", "number"], name="one_piece_a_number")]

    def __str__(self) -> str:
        return f"Piece {self.number}"
