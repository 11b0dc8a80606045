"""The nouns of sealing: the keys that decisions were signed with, and the chain of their seals.

Both hold no words of a decision, so that they stay when a tenant is erased and can be shown to anybody who verifies.
"""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.utils import timezone

from approvals.sealing.seal import Statement
from audit.identifiers import uuid7
from audit.protection import never_truncated

# A new seal takes the next place and follows on the hash before it.
FOLLOWS_ON = """
    SELECT sequence, hash INTO last_sequence, last_hash FROM approvals_seal ORDER BY sequence DESC LIMIT 1;
    IF NEW.sequence <> COALESCE(last_sequence, 0) + 1 OR NEW.previous_hash <> COALESCE(last_hash, '') THEN
        RAISE EXCEPTION 'seal % does not follow on the last one', NEW.sequence;
    END IF;
    RETURN NEW;
"""


class DecisionKey(models.Model):
    """A public key that decisions were signed with, from its first use on. `mac`: that this installation used it; alone
    it changes, with the secret key that it is made with (`approvals.sealing.keys.renew_codes`)."""

    shared_because = "decisions of every tenant are signed with the same key"

    id = models.CharField(max_length=16, primary_key=True, help_text="the beginning of the SHA-256 of the public key")
    public = models.CharField(max_length=44, help_text="Ed25519 (RFC 8032), 32 bytes in base64")
    since = models.DateTimeField(default=timezone.now)
    mac = models.CharField(max_length=64)

    class Meta:
        ordering = ["-since"]
        triggers = [
            pgtrigger.ReadOnly(name="frozen", exclude=["mac"]),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return self.id


class Seal(models.Model):
    """The place of a decision in the chain: its record's hash, the seal before it, and the signature over both."""

    shared_because = "one chain for the decisions of every tenant; it holds hashes and no words"

    sequence = models.PositiveBigIntegerField(primary_key=True, help_text="from 1, without a gap")
    decision = models.UUIDField(unique=True, help_text="no foreign key: the seal stays whatever becomes of it")
    record_sha256 = models.CharField(max_length=64)
    parts = models.JSONField(help_text="SHA-256 of each part of the record")
    is_demonstration = models.BooleanField(default=False)
    previous_hash = models.CharField(max_length=64, blank=True)
    sealed_at = models.DateTimeField()
    key = models.CharField(max_length=16, help_text="of the key that signed")
    hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the statement that is signed")
    signature = models.CharField(max_length=88, help_text="Ed25519 over the statement, in base64")

    class Meta:
        ordering = ["sequence"]
        triggers = [
            pgtrigger.Protect(name="frozen", operation=pgtrigger.Update),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="follows_on",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("last_sequence", "bigint"), ("last_hash", "text")],
                func=FOLLOWS_ON,
            ),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return f"seal {self.sequence}"

    @property
    def statement(self) -> Statement:
        """What is signed."""
        return Statement(
            sequence=self.sequence,
            decision=str(self.decision),
            record_sha256=self.record_sha256,
            parts=self.parts,
            is_demonstration=self.is_demonstration,
            previous_hash=self.previous_hash,
            sealed_at=self.sealed_at,
            key=self.key,
        )


class DecisionVerification(models.Model):
    """One run over every decision and the chain of their seals: when, and what was found."""

    shared_because = "one chain for the decisions of every tenant; it is shown to who sees every request"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        INTACT = "verified", "Intact"
        BROKEN = "broken", "Broken"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    decisions = models.PositiveIntegerField(default=0)
    seals = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=list, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"verification of decisions of {self.asked_at:%Y-%m-%d %H:%M}"
