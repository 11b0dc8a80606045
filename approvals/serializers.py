"""How requests, decisions, boards and policies look on the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.conversation import conversation
from approvals.models import Board, Decision, Policy, Request, Review, Vote
from approvals.next_step import next_step
from approvals.sealing.verifying import verify
from tenants.api.bodies import Body


class BoardVoteSerializer(serializers.ModelSerializer[Vote]):
    voter: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = Vote
        fields = ["voter", "verdict", "comment", "at"]


class ReviewSerializer(serializers.ModelSerializer[Review]):
    board: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    decider = serializers.CharField(read_only=True, help_text="The board, or the tenant itself.")
    votes = BoardVoteSerializer(many=True, read_only=True)

    class Meta:
        model = Review
        fields = ["id", "position", "board", "decider", "quorum", "outcome", "opened_at", "closed_at", "votes"]


class RequestSerializer(serializers.ModelSerializer[Request]):
    """`next_step` is for the caller: pass `viewer` in the context."""

    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    environment = serializers.SerializerMethodField()
    requester: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="username", read_only=True)
    policy = serializers.SerializerMethodField(help_text="Empty: it is left to the tenant (`decided_under`).")
    reviews = ReviewSerializer(many=True, read_only=True)
    next_step = serializers.SerializerMethodField()

    class Meta:
        model = Request
        fields = [
            "number", "subject_kind", "title", "reason", "facts", "tenant", "environment", "requester", "policy",
            "decided_under", "state", "next_step", "reviews", "is_demonstration", "created_at", "closed_at",
        ]  # fmt: skip

    def get_policy(self, row: Request) -> str:
        return str(row.policy or "")

    def get_environment(self, row: Request) -> str | None:
        return row.environment.path if row.environment else None

    def get_next_step(self, row: Request) -> str:
        return next_step(row, self.context["viewer"]).sentence


class SaidSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["asked", "comment", "vote"])
    who = serializers.CharField(source="who.username")
    at = serializers.DateTimeField()
    text = serializers.CharField()
    verdict = serializers.CharField()
    board = serializers.CharField()


class FactSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # fields leave the class
    as_of = serializers.CharField(allow_blank=True)
    path = serializers.CharField(allow_blank=True)


class RequestDetailSerializer(RequestSerializer):
    """One request with everything that was said; the evidence is passed in the context."""

    conversation = serializers.SerializerMethodField()
    evidence = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()

    class Meta(RequestSerializer.Meta):
        fields = [*RequestSerializer.Meta.fields, "conversation", "evidence", "decision"]

    def get_conversation(self, row: Request) -> list[dict[str, Any]]:
        return [dict(one) for one in SaidSerializer(conversation(row), many=True).data]

    def get_evidence(self, row: Request) -> list[dict[str, str]]:
        evidence: list[dict[str, str]] = self.context["evidence"]
        return evidence

    def get_decision(self, row: Request) -> str | None:
        return str(row.decision.pk) if hasattr(row, "decision") else None


class CastVoteSerializer(Body):
    verdict = serializers.ChoiceField(choices=Vote.Verdict.choices)
    comment = serializers.CharField(max_length=4000)
    review = serializers.UUIDField(required=False, help_text="The stage; that which is open for you unless told.")
    conditions = serializers.DictField(
        required=False,
        help_text="What an approval of access demands of every call, as `conditions` of a grant says it.",
    )


class CommentSerializer(Body):
    text = serializers.CharField(max_length=4000)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    request = serializers.IntegerField(source="request.number", read_only=True)

    class Meta:
        model = Decision
        fields = ["id", "request", "outcome", "decided_at", "valid_until", "hash", "record"]


class WeekSerializer(serializers.Serializer[Any]):
    monday = serializers.DateField()
    count = serializers.IntegerField()
    median_hours = serializers.FloatField(allow_null=True)


class SealFindingSerializer(serializers.Serializer[Any]):
    about = serializers.CharField()
    where = serializers.CharField(help_text="The field, the row or the place.")
    sentence = serializers.CharField()


class SealSerializer(serializers.Serializer[Any]):
    """Whether a decision is as it was made, computed when it is asked for."""

    computed = serializers.CharField(help_text="SHA-256 of the record as it is now.")
    fits_record = serializers.BooleanField()
    fits_audit = serializers.BooleanField(help_text="The audit was told the same hash.")
    fits_seal = serializers.BooleanField(help_text="Its place in the chain and the signature are of this record.")
    is_intact = serializers.BooleanField()
    sequence = serializers.IntegerField(source="seal.sequence", default=None, allow_null=True)
    key = serializers.CharField(source="seal.key", default=None, allow_null=True, help_text="The key that signed.")
    findings = SealFindingSerializer(many=True, help_text="What is not as it was made.")


class SealedDecisionSerializer(DecisionSerializer):
    seal = serializers.SerializerMethodField()

    class Meta(DecisionSerializer.Meta):
        fields = [*DecisionSerializer.Meta.fields, "seal"]

    @extend_schema_field(SealSerializer)
    def get_seal(self, row: Decision) -> Any:
        return SealSerializer(verify(row)).data


class BoardSerializer(serializers.ModelSerializer[Board]):
    members = serializers.SerializerMethodField()

    class Meta:
        model = Board
        fields = ["slug", "name", "purpose", "members"]

    def get_members(self, row: Board) -> list[str]:
        return [seat.user.username for seat in row.seats.all()]


class BoardWordsSerializer(Body):
    name = serializers.CharField(max_length=80, required=False)
    purpose = serializers.CharField(max_length=300, required=False, allow_blank=True)


class NewBoardSerializer(Body):
    slug = serializers.CharField(max_length=40, help_text="Lower-case letters, digits and hyphens; it stays.")
    name = serializers.CharField(max_length=80)
    purpose = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class SeatSerializer(Body):
    person = serializers.CharField(max_length=254, help_text="User name or e-mail.")


class StageSerializer(Body):
    board = serializers.CharField(max_length=40)
    quorum = serializers.IntegerField(min_value=1, max_value=99, default=1)


class PolicySerializer(serializers.ModelSerializer[Policy]):
    stages = StageSerializer(many=True)
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Policy
        fields = [
            "id", "subject_kind", "environment_kind", "version", "sentence", "stages", "validity_days",
            "effective_from", "superseded_at", "in_force",
        ]  # fmt: skip
        read_only_fields = ["id", "version", "effective_from", "superseded_at"]

    def get_in_force(self, row: Policy) -> bool:
        return row.superseded_at is None


class NewPolicySerializer(Body):
    subject_kind = serializers.CharField(max_length=40)
    environment_kind = serializers.CharField(max_length=12, required=False, default="", allow_blank=True)
    sentence = serializers.CharField(max_length=300)
    stages = StageSerializer(many=True)
    validity_days = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
