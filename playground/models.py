"""People's own experiments: sessions of side-by-side columns, their turns and answers, and votes on them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Environment, Tenant

SHORTEST_WRITING_MS = 50


class Session(models.Model):
    """One experiment: one to four columns and what was said in them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="playground_sessions")
    name = models.CharField(max_length=120, blank=True)
    is_pinned = models.BooleanField(default=False)
    is_shared = models.BooleanField(default=False, help_text="members of the tenant may read it")
    is_blind = models.BooleanField(default=False, help_text="names are hidden until a vote")
    revealed_at = models.DateTimeField(null=True, help_text="when the names of a blind session were shown")
    # [{"key": number, "route": slug, "system": text, "parameters": {...}}], one to four; see playground.columns
    columns = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-is_pinned", "-updated_at"]
        indexes = [
            models.Index(fields=["owner", "-updated_at"]),
            models.Index(fields=["tenant", "-updated_at"]),
        ]

    def __str__(self) -> str:
        return self.name or "New session"

    def get_absolute_url(self) -> str:
        return reverse("playground:session", args=[self.pk])

    @property
    def is_hidden(self) -> bool:
        """Whether names and figures must not be shown now: blind and not yet voted on."""
        return self.is_blind and self.revealed_at is None


class Turn(models.Model):
    """One prompt, sent to every column."""

    owned_through = "session"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="turns")
    position = models.PositiveIntegerField()
    prompt = models.TextField(help_text="as it was sent, variables filled in")
    template = models.TextField(blank=True, help_text="as it was typed, when it has variables")
    variables = models.JSONField(default=dict, blank=True)
    token = models.UUIDField(null=True, help_text="given by the page: the same press sent twice makes one turn")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["session", "position"], name="turn_position"),
            models.UniqueConstraint(fields=["token"], name="turn_token"),
        ]

    def __str__(self) -> str:
        return self.prompt[:60]


class Answer(models.Model):
    """What one column answered to a turn, with its figures; the ledger's call is named by `call_id`."""

    owned_through = "turn"

    class State(models.TextChoices):
        RUNNING = "running", "Answering"
        DONE = "done", "Answered"
        STOPPED = "stopped", "Stopped"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="answers")
    column = models.PositiveSmallIntegerField(help_text="key of the column")
    attempt = models.PositiveSmallIntegerField(
        default=1, help_text="regenerated answers count up; the last one is shown"
    )
    route = models.CharField(max_length=120)
    system = models.TextField(blank=True)
    parameters = models.JSONField(default=dict)
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    way_out = models.CharField(max_length=300, blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    usage_source = models.CharField(max_length=10, blank=True, help_text="who counted: provider or counted (Atrium)")
    cost = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    currency = models.CharField(max_length=3, default="USD")
    call_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now, help_text="a running answer is saved every second or so")
    stop_asked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["column", "attempt"]
        constraints = [models.UniqueConstraint(fields=["turn", "column", "attempt"], name="answer_attempt")]
        indexes = [models.Index(fields=["saved_at"], condition=models.Q(state="running"), name="answer_running")]

    def __str__(self) -> str:
        return f"{self.route}: {self.text[:40]}"

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens a second from the first token on; None where that cannot be said, as of a few words at once."""
        if not self.output_tokens or self.duration_ms is None or self.first_token_ms is None:
            return None
        writing_ms = self.duration_ms - self.first_token_ms
        return self.output_tokens * 1000 / writing_ms if writing_ms >= SHORTEST_WRITING_MS else None


class Feedback(models.Model):
    """A vote for one of the answers of a turn."""

    moves_with = "turn__session"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="feedback")
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    winner = models.ForeignKey(Answer, on_delete=models.CASCADE, null=True, related_name="+", help_text="null: a tie")
    was_blind = models.BooleanField(default=False)
    comment = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "feedback"
        constraints = [models.UniqueConstraint(fields=["turn", "voter"], name="one_vote_a_turn")]

    def __str__(self) -> str:
        return f"{self.voter}: {self.winner or 'tie'}"
