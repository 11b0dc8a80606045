"""What a decision gave: the right of an environment to call a route; and how a team comes in, from draft to ready."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from access.conditions import Conditions, read
from access.keys.tables import KeyPermit as KeyPermit
from access.offboarding.tables import ExportPiece as ExportPiece
from access.offboarding.tables import Offboarding as Offboarding
from approvals.models import Decision, Request, Vote
from approvals.states import CAME_BACK_STATES
from audit.identifiers import uuid7
from catalog.models import Route
from tenants.models import Environment, Tenant

EXPIRING_WITHIN = dt.timedelta(days=14)


class Grants(models.QuerySet["Grant"]):
    """Many grants."""

    def in_force(self) -> Grants:
        """Those that allow calls now: neither revoked nor past their end."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


class Grant(models.Model):
    """The right that a decision created. `conditions` are what approval demands of every call."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="grants")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="grants")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="grants")
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, null=True, related_name="grants")
    purpose = models.TextField(blank=True)
    conditions = models.JSONField(default=dict, blank=True)
    granted_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    is_suspended = models.BooleanField(
        default=False, db_default=False, help_text="revoked as its approval was suspended, and given again with it"
    )

    objects = Grants.as_manager()

    class Meta:
        ordering = ["-granted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "route"], condition=Q(revoked_at=None), name="one_grant_in_force"
            )
        ]
        indexes = [models.Index(fields=["tenant", "route"])]

    def __str__(self) -> str:
        return f"{self.route} for {self.environment}"

    @property
    def state(self) -> str:
        """`revoked`, `expired`, `expiring` (within 14 days) or `active`, as the table of states names it."""
        now = timezone.now()
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.expires_at is not None and self.expires_at <= now + EXPIRING_WITHIN:
            return "expiring"
        return "active"

    @property
    def is_in_force(self) -> bool:
        """Whether it allows calls now."""
        return self.state not in ("revoked", "expired")

    @property
    def demanded(self) -> Conditions:
        """What approval demands of every call."""
        return read(self.conditions)

    @property
    def decided_by(self) -> list[str]:
        """The names of those who approved it; nobody when the platform team gave it without a request."""
        if self.decision is None:
            return []
        votes = (vote for review in self.decision.record["reviews"] for vote in review["votes"])
        return [vote["voter"]["name"] for vote in votes if vote["verdict"] == "approve"]


class Imposed(models.Model):
    """What somebody who approves a request for access demands of every call, beside what was asked for. Who votes in
    two of its stages may demand something in each."""

    owned_through = "vote"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    vote = models.OneToOneField(Vote, on_delete=models.CASCADE, related_name="imposed")
    conditions = models.JSONField(help_text="as `access.conditions` reads them")

    class Meta:
        ordering = ["vote__at"]

    def __str__(self) -> str:
        return f"{self.vote.voter} on {self.vote.review.request}"


STATES = ["draft", "sent", "provisioning", "failed", "ready"]


class Onboarding(models.Model):
    """A team on its way in: the answers of its wizard, the request they became, and how far it is set up.

    `answers` holds plain values by page (`access.onboarding.pages`), `begun` what was typed on pages that are not
    answered yet, `progress` one line for each step of the setting up that is done: its slug, when, and what came of it
    in words.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SENT = "sent", "Sent"
        PROVISIONING = "provisioning", "Being set up"
        FAILED = "failed", "Failed"
        READY = "ready", "Ready"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="onboardings")
    tenant = models.ForeignKey(Tenant, on_delete=models.SET_NULL, null=True, related_name="onboardings")
    request = models.OneToOneField(Request, on_delete=models.SET_NULL, null=True, related_name="onboarding")
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    answers = models.JSONField(default=dict)
    begun = models.JSONField(default=dict, db_default={})
    progress = models.JSONField(default=list)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    heard_at = models.DateTimeField(null=True, help_text="when a worker was last heard of")

    class Meta:
        ordering = ["-changed_at"]
        indexes = [
            models.Index(fields=["requester", "-changed_at"]),
            models.Index(fields=["heard_at"], condition=Q(state="provisioning"), name="onboarding_under_way"),
        ]
        constraints = [models.CheckConstraint(condition=Q(state__in=STATES), name="onboarding_state_known")]

    def __str__(self) -> str:
        team, case = self.answers.get("team", {}), self.answers.get("use-case", {})
        return str(team.get("name") or case.get("project_name") or "A new team")

    def get_absolute_url(self) -> str:
        return reverse("access:onboarding", args=[self.pk])

    @property
    def is_editable(self) -> bool:
        """Whether its answers can be changed: it was not sent, or came back without an approval."""
        came_back = self.request is None or self.request.state in CAME_BACK_STATES
        return self.state in (self.State.DRAFT, self.State.SENT) and came_back

    @property
    def shown_state(self) -> str:
        """Its state as the table of states names it; that of its request while the board has it, or sent it back."""
        return self.request.state if self.state == self.State.SENT and self.request else self.state
