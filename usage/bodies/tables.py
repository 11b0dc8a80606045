"""The nouns of kept content: what a place wants to be kept, how far the platform lets it, the keys that it is encrypted
with, the content of calls, what was erased, and what could not be kept."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Environment, Project, Tenant
from usage.bodies.keeping import LONGEST_DAYS


class RetentionPolicy(models.Model):
    """What of the calls at a place is kept: the tenant, or one project or environment of it that is named beside it.

    The nearest one that is stated counts. `days` is how long, `share` how many calls of a hundred, `only_failed` those
    alone that were not answered, `media` whether pictures and sound are kept with the text.
    """

    stays_behind = "it goes on to say how long that is kept which was kept before its project moved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, null=True, related_name="+")
    prompts = models.BooleanField(default=False)
    answers = models.BooleanField(default=False)
    days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)]
    )
    share = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(100)], help_text="percent of the calls"
    )
    only_failed = models.BooleanField(default=False)
    media = models.BooleanField(default=False)
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name_plural = "retention policies"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "environment"], nulls_distinct=False, name="one_retention_a_place"
            ),
            models.CheckConstraint(condition=Q(project=None) | Q(environment=None), name="retention_at_one_place"),
            models.CheckConstraint(condition=Q(days__range=(1, LONGEST_DAYS)), name="retention_days_known"),
            models.CheckConstraint(condition=Q(share__range=(1, 100)), name="retention_share_known"),
        ]

    def __str__(self) -> str:
        return f"content at {self.environment or self.project or self.tenant}"


class RetentionBound(models.Model):
    """How far the platform lets tenants keep content in environments of a kind. Without a row: as far as there is."""

    shared_because = "the platform sets it for all tenants together"

    kind = models.CharField(max_length=12, choices=Environment.Kind, primary_key=True)
    is_allowed = models.BooleanField(default=True)
    most_days = models.PositiveSmallIntegerField(
        default=LONGEST_DAYS, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)]
    )
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        permissions = [("manage_retention", "Say how far tenants may keep content")]

    def __str__(self) -> str:
        return f"content in {self.kind}"


class BodyKey(models.Model):
    """The key that a tenant's content is encrypted with, itself encrypted with the installation's (`sealing`).

    When it is gone, so is everything that was encrypted with it, in copies of the database too.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="+")
    wrapped = models.BinaryField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "key of kept content"
        verbose_name_plural = "keys of kept content"

    def __str__(self) -> str:
        return f"key of {self.tenant_id}"


class Body(models.Model):
    """The content of one call, under the call's own key. It may come before the call's row in the ledger, or without
    one. `prompt` and `answer` are encrypted (`sealing`); null: not kept."""

    stays_behind = "content belongs to its call, which stays with the tenant that spent"

    id = models.UUIDField(primary_key=True, editable=False, help_text="of the call")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    # Without an index: nothing is looked for by it, and a key goes together with its tenant's content.
    key = models.ForeignKey(BodyKey, on_delete=models.CASCADE, related_name="+", db_index=False)
    key_prefix = models.CharField(max_length=40, blank=True)
    end_user_hashes = ArrayField(
        models.CharField(max_length=64), default=list, help_text="of who the caller says it is for"
    )
    form = models.CharField(max_length=20, help_text="in which it was asked and answered")
    is_streamed = models.BooleanField(default=False)
    has_failed = models.BooleanField(default=False)
    has_media = models.BooleanField(default=False, help_text="pictures, sound or files are kept with what was asked")
    started_at = models.DateTimeField()
    stored_at = models.DateTimeField(default=timezone.now)
    erase_at = models.DateTimeField()
    prompt = models.BinaryField(null=True)
    answer = models.BinaryField(null=True)
    prompt_bytes = models.PositiveIntegerField(default=0, help_text="as it came, before anything was cut")
    answer_bytes = models.PositiveIntegerField(default=0)
    is_prompt_cut = models.BooleanField(default=False)
    is_answer_cut = models.BooleanField(default=False)
    # Of `/v1/responses` alone: what the programs of its environment reach by its name (`responses`).
    # With defaults of the database's own: processes of an earlier release go on writing while it is brought up to date.
    is_response = models.BooleanField(
        default=False, db_default=False, help_text="programs reach it as a stored response"
    )
    is_deleted = models.BooleanField(
        default=False, db_default=False, help_text="a program deleted the response: none reaches it any more"
    )
    previous = models.UUIDField(null=True, help_text="the call whose response the conversation goes on from")
    data_classes = ArrayField(
        models.CharField(max_length=40), default=list, db_default=[],
        help_text="of the data in it, as far as somebody has said",
    )  # fmt: skip

    class Meta:
        verbose_name = "content of a call"
        verbose_name_plural = "contents of calls"
        indexes = [
            models.Index(fields=["erase_at"], name="body_to_erase"),
            models.Index(fields=["environment", "started_at"], name="body_of_environment"),
            models.Index(fields=["tenant", "key_prefix"], condition=~Q(key_prefix=""), name="body_of_key"),
            GinIndex(fields=["end_user_hashes"], name="body_of_end_user"),
        ]

    def __str__(self) -> str:
        return f"content of {self.pk}"


class Erasure(models.Model):
    """That content was erased: of one call, of a key, of an end user, or all of a tenant. It is the certificate, and
    keeps out what was asked before and is still on its way."""

    class Of(models.TextChoices):
        CALL = "call", "One call"
        KEY = "key", "All calls of a key"
        END_USER = "end_user", "All calls for an end user"
        TENANT = "tenant", "Everything of the tenant"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    of = models.CharField(max_length=10, choices=Of)
    call_id = models.UUIDField(null=True)
    key_prefix = models.CharField(max_length=40, blank=True)
    end_user_hash = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=300)
    contents = models.PositiveIntegerField(default=0, help_text="how many calls' content was there")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["tenant", "-at"])]

    def __str__(self) -> str:
        return f"{self.get_of_display()} ({self.at:%Y-%m-%d %H:%M})"


class Unkept(models.Model):
    """How many calls of a day had content that should have been kept and could not be."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "count of content that could not be kept"
        verbose_name_plural = "counts of content that could not be kept"
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="unkept_once_a_day")]

    def __str__(self) -> str:
        return f"{self.calls} on {self.day}"
