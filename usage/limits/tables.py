"""The nouns of limits and budgets. Each attaches to one place: a tenant, or one project, environment or key of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import ApiKey, Environment, Project, Tenant

LARGEST_LIMIT = 1_000_000_000


def warn_at() -> list[int]:
    """The percentages at which people are told, unless somebody chose others."""
    return [50, 80, 100]


class Metric(models.TextChoices):
    """What a limit counts."""

    REQUESTS = "requests", "Requests a minute"
    TOKENS = "tokens", "Tokens a minute"
    INPUT_TOKENS = "input_tokens", "Input tokens a minute"
    OUTPUT_TOKENS = "output_tokens", "Output tokens a minute"
    CONCURRENT = "concurrent", "Calls at once"


OF_TOKENS = (Metric.TOKENS.value, Metric.INPUT_TOKENS.value, Metric.OUTPUT_TOKENS.value)


class Span(models.TextChoices):
    """The period of a budget: of the calendar, in UTC, a week beginning on Monday."""

    DAY = "day", "A day"
    WEEK = "week", "A week"
    MONTH = "month", "A month"
    QUARTER = "quarter", "A quarter"
    YEAR = "year", "A year"

    def begins(self, day: dt.date) -> dt.date:
        """The first day of the period that `day` is in."""
        match self:
            case Span.DAY:
                return day
            case Span.WEEK:
                return day - dt.timedelta(days=day.weekday())
            case Span.MONTH:
                return day.replace(day=1)
            case Span.QUARTER:
                return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        return day.replace(month=1, day=1)

    def ends(self, day: dt.date) -> dt.date:
        """The first day of the period after the one that `day` is in."""
        longest = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[self.value]
        return self.begins(self.begins(day) + dt.timedelta(days=longest))


def _place_known(name: str) -> models.CheckConstraint:
    at_most_one = Q(project=None, environment=None) | Q(project=None, key=None) | Q(environment=None, key=None)
    return models.CheckConstraint(condition=at_most_one, name=name)


class Attached(models.Model):
    """What attaches to a place: the tenant alone, or the one project, environment or key that is named beside it."""

    stays_behind = "a project's limits and budgets end when it moves (`usage.limits.leaving`)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, null=True, related_name="+")
    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, null=True, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        abstract = True

    @property
    def attached_to(self) -> Any:
        """The key of the place: of the API key, environment, project or tenant."""
        return self.key_id or self.environment_id or self.project_id or self.tenant_id


PLACE = ["tenant", "project", "environment", "key"]


class Limit(Attached):
    """How much of `metric` a place may have. Counted over any 60 seconds; `concurrent` at any moment."""

    metric = models.CharField(max_length=16, choices=Metric)
    amount = models.PositiveBigIntegerField(validators=[MinValueValidator(1), MaxValueValidator(LARGEST_LIMIT)])

    class Meta:
        permissions = [("manage_limits", "Set limits and budgets of tenants")]
        constraints = [
            models.UniqueConstraint(fields=[*PLACE, "metric"], nulls_distinct=False, name="one_limit_a_place"),
            _place_known("limit_at_one_place"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:,} {Metric(self.metric).label.lower()}"


class Budget(Attached):
    """How much a place may spend in a period. A hard one is kept to by the gateway to the smallest unit; a soft one
    warns. `warn_at`: percentages of it at which people are told."""

    span = models.CharField(max_length=8, choices=Span, default=Span.MONTH)
    amount = models.DecimalField(max_digits=18, decimal_places=6)
    currency = models.CharField(max_length=3)
    is_hard = models.BooleanField(default=False)
    warn_at = ArrayField(models.PositiveSmallIntegerField(), default=warn_at)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=[*PLACE, "span"], nulls_distinct=False, name="one_budget_a_place_and_span"),
            _place_known("budget_at_one_place"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="budget_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} {Span(self.span).label.lower()}"


class BudgetLease(models.Model):
    """A slice of a hard budget that one gateway process may spend without asking again; `holder` is its journal.

    What the ledger holds of the period and all leases together are never more than the budget. A lease ends with its
    process, or when the journal of a dead one was read.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="leases")
    begins = models.DateField(help_text="the first day of the period")
    holder = models.CharField(max_length=80)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["budget", "begins", "holder"], name="one_lease_a_holder")]
        indexes = [models.Index(fields=["holder"])]

    def __str__(self) -> str:
        return f"{self.amount} of {self.budget_id} for {self.holder}"


class BudgetWarning(models.Model):
    """That people were told about `percent` of a budget in the period that begins on `begins`: once."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="warnings")
    begins = models.DateField()
    percent = models.PositiveSmallIntegerField()
    spent = models.DecimalField(max_digits=30, decimal_places=12)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["budget", "begins", "percent"], name="one_warning_a_period")]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.budget_id}"
