"""The noun of evidence: one piece of it as it was collected or given, never changed. What is newer names what it
supersedes, and both stay."""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from approvals.sealing.canonical import hash_of
from audit.identifiers import uuid7


class EvidenceItem(models.Model):
    """A piece of evidence on a request. `sha256` is over everything that it says (`content`)."""

    owned_through = "request"

    class Kind(models.TextChoices):
        COLLECTED = "collected", "Collected"
        TEXT = "text", "Text"
        LINK = "link", "Link"
        DOCUMENT = "document", "Document"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey("approvals.Request", on_delete=models.CASCADE, related_name="evidence_items")
    kind = models.CharField(max_length=10, choices=Kind)
    collector = models.CharField(max_length=40, blank=True, help_text="its slug; empty: a person gave it")
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=200)
    facts = models.JSONField(default=list)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=2000, blank=True)
    document = models.ForeignKey(
        "approvals.Attachment", on_delete=models.CASCADE, null=True, blank=True, related_name="evidence_items"
    )
    document_sha256 = models.CharField(max_length=64, blank=True)
    trouble = models.CharField(max_length=200, blank=True, help_text="why it could not be collected")
    collected_at = models.DateTimeField(default=timezone.now)
    collected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="superseded_by"
    )
    sha256 = models.CharField(max_length=64)

    class Meta:
        verbose_name = "piece of evidence"
        verbose_name_plural = "pieces of evidence"
        ordering = ["collected_at", "id"]
        indexes = [models.Index(fields=["request", "collected_at"], name="evidence_of_request")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="collected") & ~Q(collector="") | ~Q(kind="collected") & Q(collector=""),
                name="evidence_collected_by_a_collector",
            ),
        ]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return self.name

    @property
    def is_stale(self) -> bool:
        """Whether it could not be collected, or its time is over."""
        return bool(self.trouble) or (self.expires_at is not None and self.expires_at <= timezone.now())

    def content(self) -> dict[str, Any]:
        """Everything that is hashed and sealed, but the facts."""
        return {
            "id": str(self.pk),
            "request": str(self.request_id),
            "kind": str(self.kind),
            "collector": self.collector,
            "name": self.name,
            "source": self.source,
            "text": self.text,
            "link": self.link,
            "document": str(self.document_id or ""),
            "document_sha256": self.document_sha256,
            "trouble": self.trouble,
            "collected_at": self.collected_at.isoformat(),
            "collected_by": str(self.collected_by_id or ""),
            "expires_at": self.expires_at.isoformat() if self.expires_at else "",
            "supersedes": str(self.supersedes_id or ""),
        }

    def computed(self) -> str:
        """The hash that it must carry."""
        return item_hash(self.content(), self.facts)


def item_hash(content: dict[str, Any], facts: list[dict[str, Any]]) -> str:
    """SHA-256 of the canonical form of a piece of evidence with its facts."""
    return hash_of({**content, "facts": facts})
