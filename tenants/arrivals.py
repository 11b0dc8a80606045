"""The nouns of coming into a tenant: invitations, many of them at once, and requests to join.

A part of the room's nouns (`tenants.models` takes them in); the verbs are `tenants.invite`, `tenants.invite_many` and
`tenants.join`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from audit.identifiers import uuid7
from tenants.custom_roles import role_of_row
from tenants.roles import Role

VALID_FOR = dt.timedelta(days=7)
ANSWERED_WITHIN = dt.timedelta(days=30)


class Invitations(models.QuerySet["Invitation"]):
    """Many invitations."""

    def open(self) -> Invitations:
        """Those that nobody has ended, whether or not they have expired."""
        return self.filter(accepted_at=None, declined_at=None, withdrawn_at=None)

    def in_state(self, state: str) -> Invitations:
        """Those in one of `Invitation.STATES`."""
        now = timezone.now()
        match state:
            case "invited":
                return self.open().filter(expires_at__gt=now)
            case "expired":
                return self.open().filter(expires_at__lte=now)
            case "accepted":
                return self.exclude(accepted_at=None)
            case "declined":
                return self.exclude(declined_at=None)
            case "withdrawn":
                return self.exclude(withdrawn_at=None)
        return self.none()


class Invitation(models.Model):
    """Somebody with an e-mail address is asked into a tenant. Of the link's secret only a keyed hash is kept."""

    STATES = ("invited", "expired", "accepted", "declined", "withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="invitations")
    email = models.CharField(max_length=254, help_text="in lower case")
    role = models.CharField(max_length=20)
    secret_hash = models.CharField(max_length=64, null=True, unique=True, help_text="null: not sent yet")  # noqa: DJ001
    batch = models.ForeignKey("tenants.InvitationBatch", on_delete=models.SET_NULL, null=True, related_name="+")
    directory = models.ForeignKey("tenants.Directory", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    expires_at = models.DateTimeField()
    mail_due = models.BooleanField(default=False, help_text="a mail with its newest link has yet to leave")
    sent_count = models.PositiveIntegerField(default=0)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    undelivered = models.CharField(max_length=200, blank=True, help_text="why the last mail could not be sent")
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    declined_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = Invitations.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["tenant", "-created_at"]),
            models.Index(fields=["email"]),
            models.Index(fields=["batch"], condition=Q(mail_due=True), name="invitation_mail_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=Q(accepted_at=None, declined_at=None, withdrawn_at=None),
                name="one_open_invitation",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, declined_at=None)
                | Q(accepted_at=None, withdrawn_at=None)
                | Q(declined_at=None, withdrawn_at=None),
                name="invitation_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if self.accepted_at is not None:
            return "accepted"
        if self.declined_at is not None:
            return "declined"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "expired" if self.expires_at <= timezone.now() else "invited"

    @cached_property
    def of_role(self) -> Role | None:
        """The role that is offered; None when there is none of this name any more."""
        return role_of_row(self)

    @property
    def is_open(self) -> bool:
        """Whether it can be accepted, or could be if it were sent again."""
        return self.accepted_at is None and self.declined_at is None and self.withdrawn_at is None


class InvitationBatch(models.Model):
    """Many invitations of one list: what was pasted until they are made of it, and how far each step is."""

    class State(models.TextChoices):
        READING = "reading", "Being read"
        PLANNED = "planned", "Planned"
        INVITING = "inviting", "Being written down"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    rows: models.JSONField[Any, Any] = models.JSONField(default=list, help_text="the list, until all are invited")
    total = models.PositiveIntegerField(default=0)
    dealt = models.PositiveIntegerField(default=0, help_text="of how many lines invitations were made, where they can")
    done = models.PositiveIntegerField(default=0)
    undelivered = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, help_text="why it could not be gone on with")

    class Meta:
        verbose_name, verbose_name_plural = "list of invitations", "lists of invitations"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"list of {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("tenants:invitation-list", args=[self.tenant.slug, self.pk])

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.CANCELLED)

    @property
    def is_at_work(self) -> bool:
        """Whether a worker is to go on with it."""
        return self.state in (self.State.READING, self.State.INVITING, self.State.RUNNING)


class JoinRequests(models.QuerySet["JoinRequest"]):
    """Many requests to join."""

    def open(self) -> JoinRequests:
        """Those that nobody has ended, whether or not it is too late to answer them."""
        return self.filter(admitted_at=None, declined_at=None, withdrawn_at=None)

    def in_state(self, state: str) -> JoinRequests:
        """Those in one of the states of `JoinRequest.state`."""
        since = timezone.now() - ANSWERED_WITHIN
        match state:
            case "waiting":
                return self.open().filter(created_at__gt=since)
            case "expired":
                return self.open().filter(created_at__lte=since)
            case "admitted":
                return self.exclude(admitted_at=None)
            case "declined":
                return self.exclude(declined_at=None)
            case "withdrawn":
                return self.exclude(withdrawn_at=None)
        return self.none()


class JoinRequest(models.Model):
    """A person asks to be let into a tenant by its short name.

    A name that no tenant has is kept the same way, so that asking does not tell which tenants there are.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, null=True, related_name="join_requests")
    asked_for = models.CharField(max_length=40, help_text="the short name that was asked for")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="join_requests")
    sentence = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    admitted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    role = models.CharField(max_length=20, blank=True, help_text="that was given")
    reason = models.CharField(max_length=500, blank=True, help_text="why it was declined")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = JoinRequests.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["tenant", "-created_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "asked_for"],
                condition=Q(admitted_at=None, declined_at=None, withdrawn_at=None),
                name="one_open_join_request",
            ),
            models.CheckConstraint(
                condition=Q(admitted_at=None, declined_at=None)
                | Q(admitted_at=None, withdrawn_at=None)
                | Q(declined_at=None, withdrawn_at=None),
                name="join_request_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} asks to join {self.asked_for}"

    @property
    def state(self) -> str:
        """`admitted`, `declined`, `withdrawn`, `expired` (nobody answered in 30 days) or `waiting`."""
        ended: tuple[tuple[Any, str], ...] = (
            (self.admitted_at, "admitted"),
            (self.declined_at, "declined"),
            (self.withdrawn_at, "withdrawn"),
        )
        for at, state in ended:
            if at is not None:
                return state
        return "expired" if self.created_at <= timezone.now() - ANSWERED_WITHIN else "waiting"
