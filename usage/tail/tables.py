"""Which tenants somebody watches, and the calls under way there, as gateway processes tell them while that is so."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenants.models import Environment, Project, Tenant


class Watch(models.Model):
    """Calls of the tenant are watched until then; renewed while somebody looks. One for all who look."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tenant_id} until {self.until:%H:%M:%S}"


class RunningCall(models.Model):
    """A call under way in a tenant that is watched, told by its gateway process at `told_at`. One that has ended stays
    for a minute, for who looks a moment later; what came of it is in the ledger."""

    stays_behind = "it is gone a minute later"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for room"
        ASKED = "asked", "Asked"
        ANSWERING = "answering", "Answering"

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    key_prefix = models.CharField(max_length=40, blank=True)
    key_name = models.CharField(max_length=80, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    user_label = models.CharField(max_length=150, blank=True)
    origin = models.CharField(max_length=10)
    route = models.CharField(max_length=120)
    provider = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=10, choices=State)
    attempts = models.SmallIntegerField(default=0)
    started_at = models.DateTimeField()
    process = models.CharField(max_length=80, db_index=True)
    told_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"{self.route} since {self.started_at:%H:%M:%S}"
