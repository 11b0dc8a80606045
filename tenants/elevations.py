"""The noun of what somebody holds for a time: a stronger role, or the role of a member who is away
(`tenants.elevating`, `tenants.standing_in`, `tenants.timing`)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from audit.identifiers import uuid7

ANSWERED_WITHIN = dt.timedelta(days=7)
OPEN = Q(declined_at=None, withdrawn_at=None, ended_at=None)


class Elevations(models.QuerySet["Elevation"]):
    """Many elevations."""

    def open(self) -> Elevations:
        """Those that nobody and nothing has ended, whether they are asked for, planned or under way."""
        return self.filter(OPEN)

    def given(self) -> Elevations:
        """The open ones that somebody granted: planned, under way, or over and not yet taken."""
        return self.open().exclude(granted_at=None)

    def live(self) -> Elevations:
        """Those that give something now."""
        now = timezone.now()
        return self.given().filter(starts_at__lte=now, ends_at__gt=now)

    def waiting(self) -> Elevations:
        """Those that can be answered now."""
        return self.open().filter(granted_at=None, created_at__gt=timezone.now() - ANSWERED_WITHIN)

    def due(self) -> Elevations:
        """Those whose time has come or gone and that nobody has looked after yet."""
        now = timezone.now()
        return self.given().filter(Q(ends_at__lte=now) | Q(starts_at__lte=now, began_at=None))


class Elevation(models.Model):
    """`user` holds for a time `role`, or (`absent`) what the membership of another member gives at that time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="elevations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="elevations")
    role = models.CharField(max_length=20, blank=True, help_text="empty: of whom they stand in for")
    absent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    hours = models.PositiveIntegerField(help_text="for how long")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    granted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    answer = models.CharField(max_length=500, blank=True, help_text="why it was declined")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = Elevations.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["tenant", "-created_at"]),
            models.Index(fields=["user"], condition=OPEN, name="elevation_open"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"], condition=OPEN & Q(absent=None), name="one_open_elevation"
            ),
            models.UniqueConstraint(
                fields=["tenant", "absent"], condition=OPEN & ~Q(absent=None), name="one_stand_in_at_a_time"
            ),
            models.CheckConstraint(condition=Q(absent=None) | ~Q(absent=F("user")), name="stand_in_is_another"),
            models.CheckConstraint(
                condition=Q(absent=None) & ~Q(role="") | Q(role="") & ~Q(absent=None), name="role_or_absent"
            ),
            models.CheckConstraint(
                condition=Q(granted_at=None, starts_at=None, ends_at=None)
                | Q(granted_at__isnull=False, starts_at__isnull=False, ends_at__gt=F("starts_at")),
                name="granted_with_its_time",
            ),
            models.CheckConstraint(
                condition=Q(declined_at=None) | Q(granted_at=None), name="elevation_is_answered_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} for {self.absent}" if self.absent_id else f"{self.user} as {self.role}"

    @property
    def state(self) -> str:
        """`waiting`, `expired` (nobody answered in 7 days), `declined`, `withdrawn`, `planned`, `running` or `over`."""
        ended: tuple[tuple[Any, str], ...] = (
            (self.declined_at, "declined"),
            (self.ended_at, "over"),
            (self.withdrawn_at, "withdrawn"),
        )
        for at, state in ended:
            if at is not None:
                return state
        now = timezone.now()
        if self.starts_at is None or self.ends_at is None:
            return "expired" if self.created_at <= now - ANSWERED_WITHIN else "waiting"
        if self.ends_at <= now:
            return "over"
        return "planned" if self.starts_at > now else "running"
