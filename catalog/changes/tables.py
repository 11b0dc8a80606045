"""The table of changes: read by the tab *Changes* of a model's page, and by who asks what matters to a decision."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Cast
from django.utils import timezone


class Change(models.Model):
    """What changed of a model, or of one of its versions, in words and values. `matters` says that it is one of those
    on which a decision may rest, `transaction` is the number of that which wrote it (`telling.since`)."""

    shared_because = "every tenant finds the same catalog"

    class Kind(models.TextChoices):
        LISTED = "listed", "Listed"
        VERSION = "version", "New version"
        FACT = "fact", "Fact"
        PRICE = "price", "Price"
        OFFER = "offer", "Offer"
        PROVIDER = "provider", "Provider"
        REGION = "region", "Region"
        ROUTE = "route", "Route"
        CARD = "card", "Model card"
        LICENCE = "licence", "Licence"
        TERMS = "terms", "Terms"
        OWNER = "owner", "Owner"
        LIFECYCLE = "lifecycle", "Lifecycle"

    model = models.ForeignKey("catalog.Model", on_delete=models.CASCADE, related_name="changes")
    version = models.ForeignKey("catalog.ModelVersion", on_delete=models.CASCADE, null=True, related_name="changes")
    kind = models.CharField(max_length=10, choices=Kind)
    matters = models.BooleanField(default=False, db_default=False)
    what = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    source = models.CharField(max_length=80)
    at = models.DateTimeField(default=timezone.now)
    transaction = models.BigIntegerField(
        db_default=Cast(Cast(models.Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField()),
    )

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["model", "-at"]),
            models.Index(fields=["-id"], condition=models.Q(matters=True), name="change_that_matters"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.what}"
