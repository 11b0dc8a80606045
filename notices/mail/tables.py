"""What people chose of mails, what owners chose for their tenant, and the letters that wait or have left."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Notification, Tenant, User
from tenants.notice_kinds import HOW


class MailChoice(models.Model):
    """How `user` wants mails of one kind: of one tenant, or (no tenant) of all of which they said nothing else."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mail_choices")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20)
    how = models.CharField(max_length=10, choices=HOW)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant", "kind"], name="one_choice_of_a_kind", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.how}"


class MailDefault(models.Model):
    """How members of `tenant` get mails of one kind while they have not chosen themselves."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="mail_defaults")
    kind = models.CharField(max_length=20)
    how = models.CharField(max_length=10, choices=HOW)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "kind"], name="one_default_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.how}"


class DigestHour(models.Model):
    """At which hour of their own day somebody gets the daily summary."""

    shared_because = "a person's own, for every tenant they belong to"

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    hour = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.hour}:00"


class Letter(models.Model):
    """The mail of one notification, alone or in a daily summary.

    It is claimed before it leaves and sent after: a worker that dies between the two leaves a claim, and the letter
    goes out again under the same Message-ID.
    """

    owned_through = "notification"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    notification = models.OneToOneField(Notification, on_delete=models.CASCADE, related_name="letter")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    how = models.CharField(max_length=10, choices=HOW)
    due_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True, help_text="what left together carries the same")
    sent_at = models.DateTimeField(null=True, blank=True)
    dropped = models.CharField(max_length=200, blank=True, help_text="why it does not leave")
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(sent_at=None, dropped=""), name="letters_that_wait"),
            models.Index(fields=["user", "due_at"]),
        ]

    def __str__(self) -> str:
        return f"letter {self.pk}"
