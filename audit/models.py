"""The append-only record: entries chained by hash within a UTC day, and one head a day that seals them.

Rows hold text identifiers and no foreign keys, so nothing that is erased elsewhere can take an entry with it.
The triggers refuse what no verb does; who owns the database can switch them off, which is what `audit.verify` is for.
"""

import datetime as dt

import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.urls import reverse
from django.utils import timezone

from audit.identifiers import uuid7
from audit.protection import never_truncated
from audit.sentences import kind_in_words, sentence

# A new entry takes the next place of its day and follows on the hash before it.
FOLLOWS_ON = """
    SELECT sequence, hash INTO last_sequence, last_hash
      FROM audit_entry WHERE day = NEW.day ORDER BY sequence DESC LIMIT 1;
    IF NEW.sequence <> COALESCE(last_sequence, 0) + 1
       OR NEW.previous_hash <> COALESCE(last_hash, NEW.previous_hash) THEN
        RAISE EXCEPTION 'audit: entry % of % does not follow on the last one', NEW.sequence, NEW.day;
    END IF;
    RETURN NEW;
"""

# A head counts up by one entry, or is sealed once; a sealed one never changes.
ONLY_FORWARD = """
    IF NEW.day <> OLD.day OR NEW.previous_day IS DISTINCT FROM OLD.previous_day
       OR NEW.previous_hash <> OLD.previous_hash OR OLD.sealed_at IS NOT NULL
       OR NOT (NEW.entries = OLD.entries + 1 AND NEW.sealed_at IS NULL
               OR NEW.entries = OLD.entries AND NEW.last_hash = OLD.last_hash AND NEW.sealed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'audit: the head of % only counts up or is sealed', OLD.day;
    END IF;
    RETURN NEW;
"""


class Entry(models.Model):
    """One thing that somebody did. Written only by `audit.record`."""

    shared_because = "the record of everybody; who reads what of it is decided by audit.search"

    day = models.DateField()
    sequence = models.PositiveIntegerField(help_text="position within the day, from 1, without a gap")
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=20)  # user, service, system
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=200)
    verb = models.CharField(max_length=80)  # "key.issued": what happened, in the past tense
    subject_kind = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_label = models.CharField(max_length=300, blank=True)
    tenant = models.CharField(
        max_length=64,
        blank=True,
        help_text="slug of the tenant it concerns, else empty",
    )
    facts = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "entries"
        ordering = ["-day", "-sequence"]
        permissions = [("search_entry", "Search the audit")]
        constraints = [models.UniqueConstraint(fields=["day", "sequence"], name="audit_entry_position")]
        indexes = [
            models.Index(fields=["tenant", "-at"]),
            models.Index(fields=["subject_kind", "subject_id", "-at"]),
            models.Index(fields=["verb", "-at"]),
            models.Index(fields=["actor_id", "-at"]),
            models.Index(fields=["actor_label", "-at"]),
            models.Index(fields=["-at"]),
            GinIndex(
                SearchVector("actor_label", "subject_label", "subject_id", config="simple"), name="audit_entry_words"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="follows_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("last_sequence", "integer"), ("last_hash", "text")],
                func=FOLLOWS_ON,
            ),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.day} #{self.sequence} {self.verb}"

    def get_absolute_url(self) -> str:
        return reverse("audit:entry", args=[self.day.isoformat(), self.sequence])

    @property
    def sentence(self) -> str:
        """What was done, in words: "issued the key"."""
        return sentence(self.verb)

    @property
    def subject_in_words(self) -> str:
        """What kind of thing it was done to, as people call it."""
        return kind_in_words(self.subject_kind)


class DayHead(models.Model):
    """How many entries a day holds and the hash of its last one, authenticated with the audit key (HMAC-SHA256).

    Without it, cutting off the end of a day could not be told from a quiet day. It names the day before it that holds
    entries and the last hash of that, so a day cannot be taken out between two others either.
    """

    shared_because = "the record of everybody"

    day = models.DateField(unique=True)
    previous_day = models.DateField(null=True, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    entries = models.PositiveIntegerField()
    last_hash = models.CharField(max_length=64)
    mac = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-day"]
        triggers = [
            pgtrigger.Protect(name="never_removed", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="only_forward",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=ONLY_FORWARD,
            ),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.entries} entries"


SILENT_AFTER = dt.timedelta(minutes=5)  # a run at work is heard of every few thousand entries


class Verification(models.Model):
    """One run of `audit.verify` that somebody asked for: how far it is, what it found. Not part of the audit itself."""

    shared_because = "the record of everybody"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        INTACT = "verified", "Intact"
        BROKEN = "broken", "Broken"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="when the worker last said how far it is")
    total = models.PositiveBigIntegerField(default=0)
    checked = models.PositiveBigIntegerField(default=0)
    days = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=list, blank=True)
    notes = models.JSONField(default=list, blank=True, help_text="what it was compared with")
    receipt = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"verification of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_silent(self) -> bool:
        """Whether a worker began it and was not heard of for so long that it must be dead."""
        return self.state == self.State.RUNNING and (self.heard_at or self.asked_at) < timezone.now() - SILENT_AFTER

    @property
    def is_over(self) -> bool:
        return self.state not in (self.State.QUEUED, self.State.RUNNING) or self.is_silent
