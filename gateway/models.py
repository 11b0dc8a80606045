"""What gateway processes tell of themselves, for whoever looks from another process."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class ProcessReport(models.Model):
    """How deployments stand as one gateway process sees them: written anew every few seconds while it lives."""

    shared_because = "tells of deployments, which all tenants share"

    process = models.CharField(primary_key=True, max_length=120)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now(), db_index=True)
    open_breakers = ArrayField(models.CharField(max_length=36), default=list, help_text="keys of deployments")
    report = models.JSONField(default=dict, help_text="as gateway.routing.router makes it")

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"
