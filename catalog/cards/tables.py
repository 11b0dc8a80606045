"""What is kept of model cards: their editions, and the texts of licences and terms with where they were read."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from audit.identifiers import uuid7
from catalog.cards.reading import Card, read


class CardEdition(models.Model):
    """A model version's card as it stood from one moment to the next edition. Never changed.

    `metadata` and `gaps` are read out of `text` and kept beside it for lists that look for them.
    """

    shared_because = "every tenant finds the same catalog"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey("catalog.ModelVersion", on_delete=models.CASCADE, related_name="card_editions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    metadata = models.JSONField(default=dict)
    gaps = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    why = models.CharField(max_length=300)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="card_edition_once")]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"card of {self.version}, edition {self.number}"

    @property
    def card(self) -> Card:
        """The card, read."""
        return read(self.text)


class TermsText(models.Model):
    """The text of a licence, or of a provider's terms, as it was read at a place on a day. Never changed: what is read
    there later is another one, and the latest of a kind holds."""

    shared_because = "every tenant finds the same catalog"

    class Kind(models.TextChoices):
        LICENCE = "licence", "Licence"
        TERMS = "terms", "Terms of use"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey("catalog.ModelVersion", on_delete=models.CASCADE, related_name="terms_texts")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=160, help_text="as its author calls it")
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    source_url = models.CharField(max_length=300, help_text="where it was read")
    read_on = models.DateField()
    kept_by = models.CharField(max_length=200)
    kept_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["kind", "-kept_at", "-pk"]
        indexes = [models.Index(fields=["version", "kind", "-kept_at"])]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.name} of {self.version}"
