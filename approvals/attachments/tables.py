"""The nouns of attachments: a file with its hash, its content in encrypted parts, and the key of a request's files."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from audit.identifiers import uuid7


class DocumentKey(models.Model):
    """The key that a request's documents are encrypted with, itself encrypted with the installation's. When it is gone,
    so are they, in copies of the database too. It goes along when the request moves with its project."""

    owned_through = "request"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.OneToOneField("approvals.Request", on_delete=models.CASCADE, related_name="+")
    wrapped = models.BinaryField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "key of documents"
        verbose_name_plural = "keys of documents"

    def __str__(self) -> str:
        return f"key of {self.request_id}"


class Attachment(models.Model):
    """A file on a request. Its name is made harmless, its type found in its content; both never change."""

    owned_through = "request"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey("approvals.Request", on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(help_text="in bytes")
    sha256 = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField(default=timezone.now)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["uploaded_at", "id"]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return self.name


class AttachmentPart(models.Model):
    """A piece of a file's content, encrypted."""

    owned_through = "attachment"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    attachment = models.ForeignKey(Attachment, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveSmallIntegerField()
    sealed = models.BinaryField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["attachment", "position"], name="one_part_a_position")]

    def __str__(self) -> str:
        return f"part {self.position} of {self.attachment_id}"
