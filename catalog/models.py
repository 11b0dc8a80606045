"""The nouns of the model hub: providers, models, their versions, deployments, routes, and the facts known of them."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from pgvector.django import HnswIndex, VectorField

from audit.identifiers import uuid7
from catalog.cards.tables import CardEdition as CardEdition
from catalog.cards.tables import TermsText as TermsText
from catalog.changes.tables import Change as Change
from catalog.dialects import COMPATIBLE, words_of
from catalog.lifecycle.states import ENDING, TABLE, Lifecycle
from catalog.lifecycle.tables import LifecycleStep as LifecycleStep
from catalog.loopback import is_loopback
from catalog.triggers import new_edition
from catalog.vocabulary import CAPABILITIES, MODALITIES, MODES, Word, label

EMBEDDING_DIMENSIONS = 256
PLATFORM_TEAM = "platform team"

# Names as clients write them: `gpt-4.1`, `llama-3.3-70b-instruct`.
name_for_addresses = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]*$",
    "Use lower-case letters, digits, dots, hyphens and underscores; begin with a letter or digit.",
)


def _classes(meaning: str) -> ArrayField:
    """Classes of data (`tenants.data_classes`)."""
    return ArrayField(models.CharField(max_length=20), default=list, blank=True, db_default=[], help_text=meaning)


class Provider(models.Model):
    """Who serves models: an endpoint with its credential, or so far only a name in the catalog."""

    shared_because = "every tenant finds the same catalog"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    website = models.URLField(blank=True)
    dialect = models.CharField(max_length=20, default=COMPATIBLE, help_text="how it is spoken to: catalog.dialects")
    base_url = models.CharField(max_length=300, blank=True, help_text="empty while nobody has connected it")
    region = models.CharField(max_length=60, blank=True)
    data_classes = _classes("which classes of data it may see; empty: any")
    credential = models.BinaryField(null=True, blank=True, help_text="encrypted; see catalog.credentials")
    connected_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_result = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=60, default=PLATFORM_TEAM)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        permissions = [("manage_catalog", "Publish models, connect providers, change routes")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_connected(self) -> bool:
        return bool(self.base_url)

    @property
    def is_loopback(self) -> bool:
        """Whether no model answers."""
        return is_loopback(self.slug)

    @property
    def kind(self) -> str:
        """How it is spoken to, as people read it."""
        return words_of(self.dialect)


class Model(models.Model):
    """What is offered. The same model at several providers is one model with several deployments."""

    shared_because = "every tenant finds the same catalog"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=160, unique=True, validators=[name_for_addresses])
    name = models.CharField(max_length=160)
    developer = models.CharField(max_length=80, blank=True, db_index=True, help_text="who made it")
    purpose = models.CharField(max_length=300, blank=True, help_text="what it is good for, one line")
    description = models.TextField(blank=True)
    mode = models.CharField(max_length=40, default="chat", db_index=True)
    licence = models.CharField(max_length=60, blank=True, db_index=True)
    capabilities = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    modalities_in = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    modalities_out = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    # The furthest of its versions' lives and when that ends, kept here for lists by `catalog.lifecycle.moving` alone.
    status = models.CharField(max_length=12, choices=Lifecycle, default=Lifecycle.PROPOSED, db_index=True)
    deprecated_on = models.DateField(null=True, blank=True)
    is_preview = models.BooleanField(default=False, db_default=False, help_text="its maker calls it unfinished")
    released_on = models.DateField(null=True, blank=True)
    listed_at = models.DateTimeField(default=timezone.now)
    is_pinned = models.BooleanField(default=False, help_text="a start for newcomers; listed first")
    source = models.CharField(max_length=60, default=PLATFORM_TEAM, help_text="who put it into the catalog")
    # Slugs of the providers that offer it, and the calls of the last 30 days (told by `usage`), kept here so that
    # lists, facets and sorting need no join.
    provider_slugs = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    recent_calls = models.PositiveIntegerField(default=0)
    # What a call is charged per million tokens; of a model that is not served the cheapest list price. Written by
    # usage.list_prices.
    input_price = models.DecimalField(max_digits=16, decimal_places=6, null=True, blank=True)
    output_price = models.DecimalField(max_digits=16, decimal_places=6, null=True, blank=True)
    price_currency = models.CharField(max_length=3, default="USD")
    search_text = models.TextField(blank=True, default="")
    search_vector = SearchVectorField(null=True)
    embedding = VectorField(dimensions=EMBEDDING_DIMENSIONS, null=True, blank=True)

    class Meta:
        ordering = ["name"]
        indexes = [
            GinIndex(fields=["search_vector"]),
            GinIndex(fields=["capabilities"]),
            GinIndex(fields=["provider_slugs"]),
            HnswIndex(
                name="model_embedding",
                fields=["embedding"],
                opclasses=["vector_cosine_ops"],
            ),
            models.Index(fields=["input_price"]),
            models.Index(fields=["-context_tokens"]),
            models.Index(fields=["-listed_at"]),
        ]
        triggers = [new_edition()]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:model", args=[self.slug])

    @property
    def is_ending(self) -> bool:
        """Whether nobody should begin to count on it."""
        return self.status in ENDING

    @property
    def is_loopback(self) -> bool:
        """Whether no model answers under this name."""
        return is_loopback(self.slug)

    @property
    def can(self) -> list[Word]:
        """The capabilities that the vocabulary knows, in its order."""
        return [word for key, word in CAPABILITIES.items() if key in self.capabilities]

    @property
    def kind(self) -> str:
        """The mode as people read it."""
        return label(MODES, self.mode)

    @property
    def takes(self) -> list[str]:
        """What it takes in, as people read it."""
        return [label(MODALITIES, key) for key in self.modalities_in]

    @property
    def gives(self) -> list[str]:
        """What it gives, as people read it."""
        return [label(MODALITIES, key) for key in self.modalities_out]


class ModelVersion(models.Model):
    """An immutable release of a model. `deprecated_on` is when its maker ends it, `ends_on` when it ends here; `owner`
    answers for it here, and reads its card again by `next_review_on`."""

    shared_because = "every tenant finds the same catalog"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    label = models.CharField(max_length=160)
    released_on = models.DateField(null=True, blank=True)
    deprecated_on = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="owned_model_versions"
    )
    next_review_on = models.DateField(null=True, blank=True)
    lifecycle = models.CharField(
        max_length=12, choices=Lifecycle, default=Lifecycle.PROPOSED, db_default=Lifecycle.PROPOSED
    )
    lifecycle_since = models.DateTimeField(default=timezone.now, db_default=Now())
    ends_on = models.DateField(null=True, blank=True)
    sources_say = models.CharField(max_length=12, blank=True, default="", db_default="", help_text="of its end")

    class Meta:
        ordering = ["-released_on", "label"]
        constraints = [
            models.UniqueConstraint(fields=["model", "label"], name="version_label_of_model"),
            models.CheckConstraint(condition=Q(lifecycle__in=Lifecycle.values), name="lifecycle_known"),
        ]
        indexes = [models.Index(fields=["lifecycle"])]
        triggers = [
            pgtrigger.FSM(
                name="only_as_the_table_allows",
                field="lifecycle",
                transitions=sorted({(before.value, each.to.value) for (before, _), each in TABLE.items()}),
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.label}"


class Fact(models.Model):
    """One statement about a model with where it comes from and when that was read."""

    shared_because = "every tenant finds the same catalog"

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="facts")
    name = models.CharField(max_length=60)
    value = models.JSONField()
    source = models.CharField(max_length=80)
    source_url = models.CharField(max_length=300, blank=True)
    as_of = models.DateField()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["model", "name", "source"], name="fact_of_source")]

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


class Deployment(models.Model):
    """A model version at a provider."""

    shared_because = "every tenant finds the same catalog"

    class Health(models.TextChoices):
        UNKNOWN = "unknown", "Not checked"
        HEALTHY = "healthy", "Healthy"
        FAILING = "failing", "Failing"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="deployments")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="deployments")
    upstream_name = models.CharField(max_length=200, help_text="what the provider calls it")
    region = models.CharField(max_length=60, blank=True)
    data_classes = _classes("which classes of data it may see; empty: as its provider")
    offer = models.CharField(
        max_length=20,
        blank=True,
        help_text="free, fast, extended …; empty for the ordinary offer",
    )
    price_notes = models.JSONField(default=dict, blank=True, help_text="tiers, batch and other units, as published")
    source = models.CharField(max_length=60, default=PLATFORM_TEAM)
    is_enabled = models.BooleanField(default=True)
    gone_at = models.DateTimeField(null=True, blank=True, help_text="when its source stopped listing it")
    context_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="where it is not the model's own")
    drained_at = models.DateTimeField(null=True, blank=True, help_text="since when it gets no new calls")
    probe_asked_at = models.DateTimeField(null=True, blank=True, help_text="when a person wanted it tried at once")
    prompting = models.JSONField(default=dict, blank=True, help_text="how its model takes a prompt: catalog.prompting")
    health = models.CharField(max_length=10, choices=Health, default=Health.UNKNOWN)
    checked_at = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["provider__name"]
        constraints = [models.UniqueConstraint(fields=["provider", "upstream_name"], name="deployment_at_provider")]

    def __str__(self) -> str:
        return f"{self.upstream_name} at {self.provider}"

    @property
    def may_see(self) -> list[str] | None:
        """The classes of data that are said of it and its provider both, as `gateway.rows` reads them; None: any."""
        own, others = self.data_classes, self.provider.data_classes
        return [each for each in own if each in others] if own and others else own or others or None


class Route(models.Model):
    """The name that clients call. Grants attach here; it resolves to deployments by tiers, in each by its policy."""

    shared_because = "every tenant finds the same catalog"

    class Policy(models.TextChoices):
        WEIGHT = "weight", "By weight"
        LATENCY = "latency", "By latency"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=120, unique=True)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="routes")
    purpose = models.CharField(
        max_length=200,
        blank=True,
        help_text="how it differs from the model's first route",
    )
    is_enabled = models.BooleanField(default=True)
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.WEIGHT)
    regions = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="where it may be answered, each with all regions below it; empty: anywhere",
    )
    fallback = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="asked when no deployment takes a call",
    )
    first_token_timeout_s = models.FloatField(null=True, blank=True, help_text="where it is not the installation's")
    idle_timeout_s = models.FloatField(null=True, blank=True, help_text="where it is not the installation's")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["slug"]
        triggers = [new_edition()]

    def __str__(self) -> str:
        return self.slug


class RouteTarget(models.Model):
    """A deployment that serves a route: its tier (`priority`, the lowest is asked first) and its share in that tier.

    Weight 0: asked when no other one of its tier can be.
    """

    shared_because = "every tenant finds the same catalog"

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="targets")
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="targets")
    priority = models.PositiveSmallIntegerField(default=1)
    weight = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["priority", "-weight"]
        constraints = [models.UniqueConstraint(fields=["route", "deployment"], name="target_once_a_route")]

    def __str__(self) -> str:
        return f"{self.route} → {self.deployment}"


class Edition(models.Model):
    """One row that counts the catalog's changes; see `catalog.edition`."""

    shared_because = "every tenant finds the same catalog"

    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class ImportRun(models.Model):
    """One import of the catalog: who asked for it, how far it is, what it changed."""

    shared_because = "every tenant finds the same catalog"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    state = models.CharField(max_length=10, choices=State, default=State.SUCCEEDED)
    asked_by = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    step = models.CharField(max_length=80, blank=True, help_text="what is being done")
    steps_done = models.PositiveSmallIntegerField(default=0)
    sources = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"import of {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def is_over(self) -> bool:
        return self.state not in (self.State.QUEUED, self.State.RUNNING)

    @property
    def changes(self) -> list[tuple[str, int, list[str]]]:
        """What changed: of what kind, how many, and some of them by name."""
        examples = self.report.get("examples", {})
        return [(kind, count, examples.get(kind, [])) for kind, count in self.report.get("counts", {}).items()]
