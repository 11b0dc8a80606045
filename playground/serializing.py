"""Sessions, turns and answers as the API shows them. What a blind session hides on the page is hidden here too."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from playground.blinding import letter
from playground.columns import from_kept
from playground.models import Answer, Feedback, Session, Turn
from playground.showing import figures_of, shown_answer
from tenants.api.bodies import Body


class ColumnSerializer(Body):
    """One column as it is given: a route, a system prompt, parameters of `/v1/chat/completions`."""

    key = serializers.IntegerField(read_only=True)
    route = serializers.CharField(max_length=120)
    system = serializers.CharField(required=False, allow_blank=True, max_length=50_000, trim_whitespace=False)
    parameters = serializers.DictField(required=False)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session without what was said in it."""

    tenant = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    environment = serializers.CharField(source="environment.path", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True)
    is_hidden = serializers.BooleanField(read_only=True, help_text="names and figures are hidden until a vote")
    columns = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = [
            "id", "name", "tenant", "environment", "owner", "is_pinned", "is_shared", "is_blind", "is_hidden",
            "columns", "created_at", "updated_at",
        ]  # fmt: skip

    def get_columns(self, session: Session) -> list[dict[str, Any]]:
        return columns_of(session)


def columns_of(session: Session) -> list[dict[str, Any]]:
    """The columns, by letter alone while names are hidden."""
    if session.is_hidden:
        return [{"key": c.key, "label": letter(place)} for place, c in enumerate(from_kept(session.columns))]
    return [column.kept() for column in from_kept(session.columns)]


def answer_document(answer: Answer, session: Session) -> dict[str, Any]:
    """One attempt of one column."""
    shown = shown_answer(answer, is_hidden=session.is_hidden, label=answer.route, html="")
    document: dict[str, Any] = {
        "id": answer.pk,
        "column": answer.column,
        "attempt": answer.attempt,
        "state": shown.state,
        "text": answer.text,
        "reasoning": answer.reasoning,
        "error": {"code": answer.error_code, "message": shown.error, "way_out": shown.way_out} if shown.error else None,
    }
    if session.is_hidden:
        document["error"] = {"message": shown.error} if shown.error else None
        return document
    figures = figures_of(answer)
    return document | {
        "route": answer.route,
        "system": answer.system,
        "parameters": answer.parameters,
        "finish_reason": answer.finish_reason,
        "first_token_ms": answer.first_token_ms,
        "duration_ms": answer.duration_ms,
        "tokens_per_second": figures and figures.tokens_per_second,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "usage_source": answer.usage_source,
        "cost": None if answer.cost is None else str(answer.cost),
        "currency": answer.currency,
        "call": answer.call_id,
    }


def turn_document(turn: Turn, session: Session) -> dict[str, Any]:
    """One prompt with every attempt at it."""
    return {
        "id": turn.pk,
        "position": turn.position,
        "prompt": turn.prompt,
        "template": turn.template,
        "variables": turn.variables,
        "created_at": turn.created_at,
        "answers": [answer_document(answer, session) for answer in turn.answers.all()],
    }


def feedback_document(feedback: Feedback) -> dict[str, Any]:
    """A vote."""
    return {
        "id": feedback.pk,
        "turn": feedback.turn_id,
        "winner": feedback.winner_id,
        "was_blind": feedback.was_blind,
        "comment": feedback.comment,
        "at": feedback.at,
    }


class NewSessionSerializer(Body):
    """What a new session needs."""

    environment = serializers.CharField(help_text="tenant/project/kind")
    columns = ColumnSerializer(many=True)
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    is_blind = serializers.BooleanField(required=False, default=False)


class ChangedSessionSerializer(Body):
    """What of a session can be changed."""

    name = serializers.CharField(required=False, allow_blank=True)
    is_pinned = serializers.BooleanField(required=False)
    is_shared = serializers.BooleanField(required=False)
    environment = serializers.CharField(required=False, help_text="tenant/project/kind")
    columns = ColumnSerializer(many=True, required=False)


class StopSerializer(Body):
    """Which running answer is stopped; all of them unless told."""

    answer = serializers.UUIDField(required=False)


class PromptSerializer(Body):
    """A prompt for every column; `variables` are put in for `{{name}}`."""

    prompt = serializers.CharField(allow_blank=True, trim_whitespace=False)
    variables = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class AgainSerializer(Body):
    """Which column answers the last prompt once more."""

    column = serializers.IntegerField(min_value=1, help_text="its key")


class VoteSerializer(Body):
    """The better answer of a turn, or null for a tie."""

    turn = serializers.UUIDField()
    winner = serializers.UUIDField(allow_null=True)
    comment = serializers.CharField(required=False, allow_blank=True)
