"""The nouns of governance, of any subject and knowing none: boards, policies, requests, reviews, votes, decisions."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from approvals import triggers
from approvals.attachments.tables import Attachment as Attachment
from approvals.attachments.tables import AttachmentPart as AttachmentPart
from approvals.attachments.tables import DocumentKey as DocumentKey
from approvals.delegation.tables import Delegation as Delegation
from approvals.evidence.tables import EvidenceItem as EvidenceItem
from approvals.sealing.tables import DecisionKey as DecisionKey
from approvals.sealing.tables import DecisionVerification as DecisionVerification
from approvals.sealing.tables import Seal as Seal
from approvals.states import OPEN_STATES, UNDECIDED_STATES, State
from audit.identifiers import uuid7
from tenants.models import Environment, Tenant, slug_form


class Board(models.Model):
    """A group of people that decides."""

    shared_because = "boards decide for every tenant"

    slug = models.SlugField(max_length=40, unique=True, validators=[slug_form])
    name = models.CharField(max_length=80)
    purpose = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Seat(models.Model):
    """A person's place on a board."""

    shared_because = "boards decide for every tenant"

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="seats")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="seats")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["board", "user"], name="one_seat_a_board")]

    def __str__(self) -> str:
        return f"{self.user} on {self.board}"


class Policies(models.QuerySet["Policy"]):
    """Many policies."""

    def in_force(self) -> Policies:
        """Those that decide now."""
        now = timezone.now()
        return self.filter(effective_from__lte=now).exclude(superseded_at__lte=now)

    def not_over(self) -> Policies:
        """Those that decide now or will; one that gave way before it began is neither."""
        still = Q(superseded_at__gt=timezone.now()) & Q(superseded_at__gt=F("effective_from"))
        return self.filter(Q(superseded_at=None) | still)


class Policy(models.Model):
    """Which boards decide on a kind of subject, in which environment and under which conditions. A change is a new
    version, in force from `effective_from` until `superseded_at` (one that never began: both the same)."""

    shared_because = "one rule holds for every tenant"

    slug = models.SlugField(max_length=60, help_text="what all its versions are called")
    subject_kind = models.CharField(max_length=40)
    environment_kind = models.CharField(max_length=12, blank=True, help_text="empty: any")
    when = models.JSONField(default=dict, blank=True, help_text="as `approvals.policy_conditions` keeps it")
    priority = models.SmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    sentence = models.CharField(max_length=300, help_text="why it is so, shown on the request")
    # in order, each as `approvals.stage_rules` keeps it
    stages = models.JSONField(default=list)
    validity_days = models.PositiveIntegerField(null=True, blank=True)
    effective_from = models.DateTimeField(default=timezone.now)
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = Policies.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        ordering = ["subject_kind", "environment_kind", "slug", "-version"]
        permissions = [("manage_policies", "Change the policies of governance")]
        constraints = [
            models.UniqueConstraint(fields=["slug", "version"], name="policy_version"),
            models.UniqueConstraint(fields=["slug"], condition=Q(superseded_at=None), name="one_policy_in_force"),
        ]

    def __str__(self) -> str:
        return f"{self.slug} v{self.version}"

    @property
    def is_in_force(self) -> bool:
        """Whether it decides now."""
        now = timezone.now()
        return self.effective_from <= now and (self.superseded_at is None or self.superseded_at > now)


class Request(models.Model):
    """Something asked of governance."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True, help_text="what people call it: R-<number>")
    subject_kind = models.CharField(max_length=40)
    subject_key = models.CharField(max_length=120, help_text="names the subject among its kind")
    title = models.CharField(max_length=300)
    reason = models.TextField()
    facts = models.JSONField(default=dict, help_text="what the requester stated, by the subject's form")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="requests")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, null=True, related_name="requests")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests")
    # Nobody's: it is left to the tenant, as `decided_under` says.
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, null=True, related_name="requests")
    because = models.CharField(max_length=300, blank=True, help_text="what of it made this policy decide, in words")
    decided_under = models.JSONField(default=dict, help_text="who decides on its capability, as it was when sent")
    state = models.CharField(max_length=24, choices=State)
    round = models.PositiveSmallIntegerField(default=1, help_text="how often it was sent, a draft's first is to come")
    is_demonstration = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="first; until then it is its author's alone")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        permissions = []
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_key"],
                condition=Q(state__in=OPEN_STATES),
                name="one_open_request_a_subject",
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="request_state_known"),
            models.CheckConstraint(
                condition=Q(sent_at=None) | ~Q(policy=None) | ~Q(decided_under={}), name="request_says_who_decides"
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNDECIDED_STATES, closed_at=None)
                | ~Q(state__in=UNDECIDED_STATES) & ~Q(closed_at=None),
                name="request_closed_when_not_open",
            ),
            models.CheckConstraint(
                condition=Q(state=State.DRAFT, sent_at=None)
                | Q(state=State.WITHDRAWN)
                | ~Q(state__in=(State.DRAFT, State.WITHDRAWN)) & ~Q(sent_at=None),
                name="request_sent_unless_a_draft",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"]),
            models.Index(fields=["requester", "-created_at"]),
            models.Index(fields=["tenant", "-created_at"]),
        ]
        triggers = triggers.of_requests()

    def __str__(self) -> str:
        return f"R-{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("approvals:request", args=[self.number])


def anybody() -> str:
    """Whose refusal alone refuses, unless a policy says otherwise."""
    return "anybody"


ADMINISTRATORS = (
    "approvals.manage_policies"  # what the platform's administrators hold, who decide where nobody else can
)


class Review(models.Model):
    """One stage at work: a board with its quorum, or who holds `permission`: people of the request's tenant, or the
    platform's administrators."""

    owned_through = "request"

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting for an earlier stage"
        OPEN = "open", "In review"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        SENT_BACK = "sent_back", "Sent back"
        CLOSED = "closed", "Closed without a decision"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="reviews")
    round = models.PositiveSmallIntegerField(default=1)
    position = models.PositiveSmallIntegerField()
    board = models.ForeignKey(Board, on_delete=models.PROTECT, null=True, related_name="reviews")
    permission = models.CharField(max_length=100, blank=True)
    group = models.PositiveSmallIntegerField(default=1, help_text="those of one group are looked at side by side")
    quorum = models.PositiveSmallIntegerField(default=1)
    veto = models.JSONField(default=anybody, help_text="as `approvals.stage_rules` keeps it")
    checklist = models.JSONField(default=list, help_text="what who approves has checked")
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.WAITING)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["round", "position"]
        constraints = [
            models.UniqueConstraint(fields=["request", "round", "position"], name="review_position"),
            models.CheckConstraint(
                condition=Q(board=None) & ~Q(permission="") | ~Q(board=None) & Q(permission=""),
                name="review_by_board_or_tenant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decider} on {self.request}"

    @property
    def decider(self) -> str:
        """The board, the tenant itself or the platform's administrators, as people read it."""
        if self.permission == ADMINISTRATORS:
            return "The platform's administrators"
        return str(self.board or f"{self.request.tenant or 'the tenant'} itself")


class Vote(models.Model):
    """What a member of the board said in a review, once."""

    owned_through = "review"

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approve"
        REFUSE = "refuse", "Refuse"
        SEND_BACK = "send_back", "Send back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="votes")
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="votes")
    verdict = models.CharField(max_length=10, choices=Verdict)
    checked = models.JSONField(default=list, help_text="of the checklist")
    is_conditional = models.BooleanField(default=False, help_text="an approval that demands something")
    comment = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["review", "voter"], name="one_vote_a_review")]
        triggers = triggers.of_votes()

    def __str__(self) -> str:
        return f"{self.voter}: {self.verdict}"


class Revision(models.Model):
    """What was asked in a round that was sent back; what is asked now stands in the request itself."""

    owned_through = "request"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="revisions")
    round = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=300)
    reason = models.TextField()
    facts = models.JSONField(default=dict)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, null=True, related_name="+")
    sent_back_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["round"]
        constraints = [models.UniqueConstraint(fields=["request", "round"], name="one_revision_a_round")]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.request}, round {self.round}"


class Comment(models.Model):
    """A word in the conversation of a request."""

    owned_through = "request"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at"]

    def __str__(self) -> str:
        return self.text[:60]


class Decision(models.Model):
    """The frozen outcome: what was decided, by whom, on what they saw. Never changed."""

    owned_through = "request"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.OneToOneField(Request, on_delete=models.CASCADE, related_name="decision")
    outcome = models.CharField(max_length=10, choices=[("approved", "Approved"), ("refused", "Refused")])
    record = models.JSONField(help_text="the request, policy, votes and facts as they were")
    hash = models.CharField(max_length=64, help_text="SHA-256 of the record's canonical JSON")
    decided_at = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)
    is_demonstration = models.BooleanField(default=False)

    class Meta:
        ordering = ["-decided_at"]
        triggers = [
            pgtrigger.Protect(name="frozen", operation=pgtrigger.Update),
            pgtrigger.Protect(
                name="kept", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__is_demonstration=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}: {self.request}"
