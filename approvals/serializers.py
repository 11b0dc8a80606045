"""How requests, decisions, boards and policies look on the API."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.conversation import conversation
from approvals.differences import changes_of
from approvals.models import Board, Decision, Policy, Request, Review, Vote
from approvals.next_step import next_step
from approvals.policies import LONGEST_VALIDITY, equals_of
from approvals.sealing.verifying import verify
from approvals.states import State
from tenants.api.bodies import Body


class BoardVoteSerializer(serializers.ModelSerializer[Vote]):
    checked = serializers.ListField(child=serializers.CharField(), read_only=True)
    voter: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = Vote
        fields = ["voter", "verdict", "comment", "checked", "at"]


@extend_schema_field(
    {"oneOf": [{"type": "string", "enum": ["anybody", "nobody"]}, {"type": "array", "items": {"type": "string"}}]}
)
class VetoField(serializers.JSONField):
    """`anybody`, `nobody` or user names."""


class ReviewSerializer(serializers.ModelSerializer[Review]):
    veto = VetoField(read_only=True)
    checklist = serializers.ListField(child=serializers.CharField(), read_only=True)
    board: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    decider = serializers.CharField(read_only=True, help_text="The board, or the tenant itself.")
    votes = BoardVoteSerializer(many=True, read_only=True)

    class Meta:
        model = Review
        fields = [
            "id", "round", "position", "group", "board", "decider", "quorum", "veto", "checklist", "outcome",
            "opened_at", "closed_at", "votes",
        ]  # fmt: skip


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
            "because",
            "decided_under", "state", "round", "next_step", "reviews", "is_demonstration", "created_at", "sent_at",
            "closed_at",
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
    round = serializers.IntegerField(help_text="Of a vote; 0 else.")


class ChangedSerializer(serializers.Serializer[Any]):
    """What changed since the round before."""

    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


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
    changes = serializers.SerializerMethodField(help_text="Against the round before; empty in the first.")

    class Meta(RequestSerializer.Meta):
        fields = [*RequestSerializer.Meta.fields, "conversation", "evidence", "decision", "changes"]

    @extend_schema_field(ChangedSerializer(many=True))
    def get_changes(self, row: Request) -> Any:
        return ChangedSerializer(changes_of(row), many=True).data

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
    checked = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=20,
        help_text="The sentences of the stage's checklist, all of them for an approval.",
    )  # fmt: skip
    conditions = serializers.DictField(
        required=False,
        help_text="What an approval of access demands of every call, as `conditions` of a grant says it.",
    )


class SuspensionSerializer(Body):
    reason = serializers.CharField(max_length=4000)


class ChangeRequestSerializer(Body):
    reason = serializers.CharField(max_length=4000, required=False, help_text="Stays as it is unless told.")
    facts = serializers.DictField(required=False, help_text="Those that change, in the form of the subject's kind.")


class CommentSerializer(Body):
    text = serializers.CharField(max_length=4000)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    request = serializers.IntegerField(source="request.number", read_only=True)
    state = serializers.ChoiceField(
        choices=State.choices, source="request.state", read_only=True, help_text="Of its request, as it stands now."
    )

    class Meta:
        model = Decision
        fields = ["id", "request", "outcome", "state", "decided_at", "valid_until", "hash", "record"]


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


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "enum": ["all"]}]})
class QuorumField(serializers.JSONField):
    """A number of approvals, or `all`."""


class StageSerializer(Body):
    board = serializers.CharField(max_length=40)
    quorum = QuorumField(required=False, help_text="1 unless told.")
    beside = serializers.BooleanField(required=False, help_text="Looked at together with the stage before it.")
    veto = VetoField(required=False, help_text="Whose refusal alone refuses; anybody's unless told.")
    checklist = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=20,
        help_text="What each one who approves has checked.",
    )  # fmt: skip


class WhenSerializer(Body):
    """Conditions that a request has to meet; one that is not named is not asked for."""

    risk_tiers = serializers.ListField(child=serializers.CharField(), required=False)
    data_classes = serializers.ListField(child=serializers.CharField(), required=False)
    regions = serializers.ListField(child=serializers.CharField(), required=False)
    cost_above_a_month = serializers.CharField(required=False, help_text="In the installation's currency.")


class PolicySerializer(serializers.ModelSerializer[Policy]):
    stages = StageSerializer(many=True)
    when = WhenSerializer()
    in_force = serializers.SerializerMethodField()
    equal_to = serializers.SerializerMethodField(
        help_text="Policies that only their slugs tell apart from this one for some request: the first slug decides."
    )

    class Meta:
        model = Policy
        fields = [
            "id", "slug", "version", "subject_kind", "environment_kind", "when", "priority", "sentence", "stages",
            "validity_days",
            "effective_from", "superseded_at", "in_force", "equal_to",
        ]  # fmt: skip
        read_only_fields = ["id", "version", "effective_from", "superseded_at"]

    def get_equal_to(self, row: Policy) -> list[str]:
        return [other.slug for other in equals_of(row, self._not_over)] if row.is_in_force else []

    @cached_property
    def _not_over(self) -> list[Policy]:
        return list(Policy.objects.not_over().order_by("slug"))

    def get_in_force(self, row: Policy) -> bool:
        return row.is_in_force


class PolicyDocumentSerializer(serializers.Serializer[Any]):
    document = serializers.CharField(help_text="YAML.")


class NewPolicyDocumentSerializer(Body):
    document = serializers.CharField(
        max_length=200_000, help_text="YAML, as it is written here.", trim_whitespace=False
    )
    reason = serializers.CharField(max_length=4000, required=False, default="", allow_blank=True)


class PolicyChangeSerializer(serializers.Serializer[Any]):
    """What one policy of a document changes."""

    slug = serializers.CharField()
    is_new = serializers.BooleanField()
    changes = ChangedSerializer(many=True)


class BoardEffectSerializer(serializers.Serializer[Any]):
    board = serializers.CharField()
    before = serializers.IntegerField(help_text="Past requests that go there now.")
    after = serializers.IntegerField(help_text="That would.")


class MovedSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    before = serializers.CharField()
    after = serializers.CharField()


class TrialSerializer(serializers.Serializer[Any]):
    """What a document would change, and where the requests of the last year would have gone."""

    changes = PolicyChangeSerializer(many=True)
    count = serializers.IntegerField(help_text="Requests it was tried on: at most the newest 10,000.")
    moved = serializers.IntegerField(help_text="Of them, those that others would decide on.")
    sentences = serializers.ListField(child=serializers.CharField())
    boards = BoardEffectSerializer(many=True)
    examples = MovedSerializer(many=True)


class NewPolicySerializer(Body):
    subject_kind = serializers.CharField(max_length=40)
    environment_kind = serializers.CharField(max_length=12, required=False, default="", allow_blank=True)
    slug = serializers.CharField(
        max_length=60, required=False, default="", allow_blank=True,
        help_text="A known one gets a new version; empty: that of the kind and environment.",
    )  # fmt: skip
    when = WhenSerializer(required=False)
    priority = serializers.IntegerField(required=False, default=0)
    effective_from = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Empty: at once."
    )
    sentence = serializers.CharField(max_length=300)
    stages = StageSerializer(many=True)
    validity_days = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=LONGEST_VALIDITY
    )
