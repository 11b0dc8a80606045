"""The noun of what a route or deployment takes of all tenants together."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from catalog.models import Deployment, Route
from usage.limits.tables import LARGEST_LIMIT, Metric


class Capacity(models.Model):
    """How much of `metric` a route, or a deployment, takes. Counted over any 60 seconds; `concurrent` at any moment.

    Calls beyond a route's are refused; beyond a deployment's they go to another one of the route, or wait.
    """

    shared_because = "the platform sets it for all tenants together"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    route = models.ForeignKey(Route, on_delete=models.CASCADE, null=True, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, null=True, related_name="+")
    metric = models.CharField(max_length=16, choices=Metric)
    amount = models.PositiveBigIntegerField(validators=[MinValueValidator(1), MaxValueValidator(LARGEST_LIMIT)])
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["route", "deployment", "metric"], nulls_distinct=False, name="one_capacity"
            ),
            models.CheckConstraint(
                condition=Q(route=None, deployment__isnull=False) | Q(route__isnull=False, deployment=None),
                name="capacity_of_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:,} {Metric(self.metric).label.lower()}"
