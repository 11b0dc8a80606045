"""What was used and what it cost: effective-dated prices, the ledger of calls, and their pre-added totals."""

from __future__ import annotations

import datetime as dt

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from audit.protection import never_truncated
from catalog.loopback import is_loopback
from catalog.models import Deployment
from tenants.models import Environment, Project, Tenant
from usage.bodies.tables import Body as Body
from usage.bodies.tables import BodyKey as BodyKey
from usage.bodies.tables import Erasure as Erasure
from usage.bodies.tables import RetentionBound as RetentionBound
from usage.bodies.tables import RetentionPolicy as RetentionPolicy
from usage.bodies.tables import Unkept as Unkept
from usage.capacity.tables import Capacity as Capacity
from usage.limits.tables import Budget as Budget
from usage.limits.tables import BudgetLease as BudgetLease
from usage.limits.tables import BudgetWarning as BudgetWarning
from usage.limits.tables import Limit as Limit
from usage.openings import Holder as Holder
from usage.openings import Opening as Opening
from usage.spans import spans_covering
from usage.tail.tables import RunningCall as RunningCall
from usage.tail.tables import Watch as Watch

# A call is removed with its tenant when that is one of the demonstration's, and never else: a mark on the row alone
# would keep calls made before rows were marked. No tenant becomes one (the trigger `stays_real` of `tenants`).
KEPT = """
    IF NOT EXISTS (SELECT 1 FROM tenants_tenant WHERE id = OLD.tenant_id AND is_demonstration) THEN
        RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;
    END IF;
    RETURN OLD;
"""

# Nothing of a call changes, but that people, keys and messages become pseudonyms while its tenant is being erased.
ONLY_PSEUDONYMS = """
    IF NOT EXISTS (SELECT 1 FROM tenants_tenant WHERE id = OLD.tenant_id AND erasing_since IS NOT NULL)
       OR to_jsonb(NEW) - ARRAY['user_id', 'user_label', 'key_prefix', 'key_name', 'error_message', 'request_id',
                                'trace_id']
          IS DISTINCT FROM
          to_jsonb(OLD) - ARRAY['user_id', 'user_label', 'key_prefix', 'key_name', 'error_message', 'request_id',
                                'trace_id']
       OR NEW.user_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;
    END IF;
    RETURN NEW;
"""


# Calls that did not simply go to the first deployment: sent to another one, by the fallback, or after waiting for room.
DETOUR = Q(attempts__gt=1) | Q(fell_back=True) | Q(waited_ms__gt=0)


class Price(models.Model):
    """Unit prices of a deployment from a moment on, per million tokens. A change is a new row."""

    shared_because = "every tenant pays the same price"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3, default="USD")
    input_per_million = models.DecimalField(max_digits=16, decimal_places=6)
    output_per_million = models.DecimalField(max_digits=16, decimal_places=6)
    cached_input_per_million = models.DecimalField(max_digits=16, decimal_places=6, null=True, blank=True)
    cache_write_per_million = models.DecimalField(max_digits=16, decimal_places=6, null=True, blank=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=80)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-valid_from"]
        permissions = [("manage_prices", "Set prices")]
        constraints = [
            models.UniqueConstraint(fields=["deployment"], condition=Q(valid_until=None), name="one_price_in_force")
        ]
        indexes = [models.Index(fields=["deployment", "valid_from"])]

    def __str__(self) -> str:
        return f"{self.input_per_million} in, {self.output_per_million} out ({self.currency} per million)"


class Call(models.Model):
    """One metered use of the gateway. A row is written once, when the call has ended; its names are kept as text."""

    stays_behind = "a call belongs to the tenant that spent, wherever its project goes"

    class Outcome(models.TextChoices):
        OK = "ok", "Answered"
        CANCELLED = "cancelled", "Stopped by the caller"
        FAILED = "failed", "Failed at the provider"
        INTERRUPTED = "interrupted", "Interrupted on our side"

    class Origin(models.TextChoices):
        API = "api", "API"
        PLAYGROUND = "playground", "Playground"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="calls")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    key_prefix = models.CharField(max_length=40, blank=True)
    key_name = models.CharField(max_length=80, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    user_label = models.CharField(max_length=150, blank=True)
    origin = models.CharField(max_length=10, choices=Origin)
    route = models.CharField(max_length=120)
    model_slug = models.CharField(max_length=160)
    provider = models.CharField(max_length=80)
    upstream_name = models.CharField(max_length=200)
    grant_id = models.UUIDField(null=True)
    decision_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64)
    trace_id = models.UUIDField(null=True, help_text="of W3C Trace Context; null: from before it was kept")
    outcome = models.CharField(max_length=12, choices=Outcome)
    status = models.PositiveSmallIntegerField(help_text="HTTP status the caller got")
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    is_streamed = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    first_token_ms = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField()
    waited_ms = models.PositiveIntegerField(null=True, help_text="for room at a deployment; a part of the duration")
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_input_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(null=True, help_text="null: it was not noted when it was made")
    usage_source = models.CharField(max_length=10, choices=[("provider", "Provider"), ("counted", "Counted")])
    price_id = models.UUIDField(null=True)
    input_per_million = models.DecimalField(max_digits=16, decimal_places=6, null=True)
    output_per_million = models.DecimalField(max_digits=16, decimal_places=6, null=True)
    cached_input_per_million = models.DecimalField(max_digits=16, decimal_places=6, null=True)
    cache_write_per_million = models.DecimalField(max_digits=16, decimal_places=6, null=True)
    cost = models.DecimalField(max_digits=30, decimal_places=12, null=True, help_text="null: no price was known")
    currency = models.CharField(max_length=3, default="USD")
    is_demonstration = models.BooleanField(default=False)
    timing = models.JSONField(null=True, help_text="usage.timing.Timing; null: it was not noted")
    attempts = models.SmallIntegerField(null=True, help_text="deployments that were asked; null: it was not noted")
    fell_back = models.BooleanField(null=True, help_text="answered by the route's fallback; null: it was not noted")

    class Meta:
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(fields=["tenant", "-started_at", "-id"]),
            models.Index(fields=["-started_at", "-id"]),
            models.Index(fields=["user", "-started_at"]),
            models.Index(fields=["request_id"]),
            models.Index(fields=["trace_id"], name="call_of_trace"),
            models.Index(fields=["route", "-started_at", "-id"]),
            models.Index(fields=["key_prefix", "-started_at"], condition=~Q(key_prefix=""), name="call_of_key"),
            models.Index(fields=["-started_at", "-id"], condition=~Q(outcome="ok"), name="call_not_answered"),
            models.Index(fields=["-started_at", "-id"], condition=DETOUR, name="call_by_detour"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="never_changed", when=pgtrigger.Before, operation=pgtrigger.Update, func=ONLY_PSEUDONYMS
            ),
            pgtrigger.Trigger(name="kept", when=pgtrigger.Before, operation=pgtrigger.Delete, func=KEPT),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.started_at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_loopback(self) -> bool:
        """Whether no model answered."""
        return is_loopback(self.provider)


class Rollup(models.Model):
    """Totals of one UTC day for one combination of who and what; added to in the ledger's own transaction."""

    stays_behind = "totals belong to the tenant that spent, wherever its project goes"

    day = models.DateField()
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    key_prefix = models.CharField(max_length=40, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    route = models.CharField(max_length=120)
    provider = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    is_demonstration = models.BooleanField(default=False)
    calls = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    unpriced = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    duration_ms = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=36, decimal_places=12, default=0)

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "day", "tenant", "project", "environment", "key_prefix", "user", "route", "provider", "currency",
                    "is_demonstration",
                ],
                nulls_distinct=False,
                name="rollup_once",
            )
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "day"]),
            models.Index(fields=["user", "day"]),
            models.Index(fields=["route", "day"]),
            models.Index(fields=["day"]),
            models.Index(fields=["key_prefix", "day"], condition=~Q(key_prefix=""), name="rollup_of_key"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.route}"


class PlatformRollupQuerySet(models.QuerySet["PlatformRollup"]):
    """Totals of all tenants, read in days or in as few rows as cover a period."""

    def daily(self) -> PlatformRollupQuerySet:
        """The totals of single days."""
        return self.filter(span=1)

    def covering(self, since: dt.date, until: dt.date) -> PlatformRollupQuerySet:
        """The totals that add up to the days from `since` to `until`, both included: whole spans where one fits."""
        wanted = Q(pk__in=[])
        for span, first, last in spans_covering(since, until):
            wanted |= Q(span=span, day__range=(first, last))
        return self.filter(wanted)


class PlatformRollup(models.Model):
    """Totals over all tenants of a span of UTC days that begins on `day`, for one value of one dimension; added to in
    the ledger's transaction.

    Each call counts once in every dimension and every span (`usage.spans`), so the rows of any one of both add up to
    the whole. `value` holds a key as text for tenants, the kind for environments, the name for routes and providers.
    """

    shared_because = "totals over all tenants, for those who see all of them"

    class Dimension(models.TextChoices):
        TENANT = "tenant", "Tenant"
        ENVIRONMENT = "environment", "Environment"
        ROUTE = "route", "Route"
        PROVIDER = "provider", "Provider"

    dimension = models.CharField(max_length=12, choices=Dimension)
    span = models.PositiveSmallIntegerField(default=1, help_text="Days; one of `usage.spans.SPANS`.")
    day = models.DateField()
    value = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    is_demonstration = models.BooleanField(default=False)
    calls = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    unpriced = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    duration_ms = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=36, decimal_places=12, default=0)

    objects = PlatformRollupQuerySet.as_manager()

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(
                fields=["dimension", "span", "day", "value", "currency", "is_demonstration"],
                name="platform_rollup_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.value}"
