"""How directories look on the API. A token's secret appears in the one answer that issues it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tenants.api.bodies import Body
from tenants.directory.finding import state_of
from tenants.directory.reconciling import Move
from tenants.directory.rules import Preview
from tenants.models import DirectoryPerson, DirectoryRule, DirectoryToken

OWN = "A tenant's slug, for its own directory; null for the platform's."


def _slug(of: str = "slug", **options: Any) -> Any:
    return serializers.SlugRelatedField(slug_field=of, read_only=True, **options)


class DirectoryTokenSerializer(serializers.ModelSerializer[DirectoryToken]):
    tenant = _slug(source="directory.tenant", allow_null=True, help_text=OWN)
    created_by = _slug("username", allow_null=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = DirectoryToken
        fields = [
            "id", "tenant", "prefix", "name", "state", "created_at", "created_by", "expires_at", "last_used_at",
            "revoked_at",
        ]  # fmt: skip


class NewDirectoryTokenSerializer(Body):
    tenant = serializers.CharField(max_length=40, allow_null=True, default=None, help_text=OWN)
    name = serializers.CharField(max_length=80)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class IssuedDirectoryTokenSerializer(DirectoryTokenSerializer):
    secret = serializers.CharField(read_only=True, allow_null=True, help_text="Shown this once.")

    class Meta(DirectoryTokenSerializer.Meta):
        fields = [*DirectoryTokenSerializer.Meta.fields, "secret"]


class DirectoryRuleSerializer(serializers.ModelSerializer[DirectoryRule]):
    tenant = _slug()
    of_platform = serializers.SerializerMethodField(help_text="For groups of the platform's directory.")
    created_by = _slug("username", allow_null=True)

    class Meta:
        model = DirectoryRule
        fields = ["id", "tenant", "of_platform", "group_name", "role", "created_at", "created_by"]

    def get_of_platform(self, rule: DirectoryRule) -> bool:
        return rule.directory.tenant_id is None


class NewDirectoryRuleSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="The slug of the tenant that members are given.")
    of_platform = serializers.BooleanField(
        default=False, help_text="For groups of the platform's directory and of the sign-in service."
    )
    group_name = serializers.CharField(
        max_length=254, allow_blank=True, default="", help_text="Empty: everybody of whom the directory has spoken."
    )
    role = serializers.CharField(max_length=20)


class GainSerializer(serializers.Serializer[Any]):
    user_name = serializers.CharField()
    before = serializers.CharField(allow_blank=True, help_text="The role held now, or empty.")
    after = serializers.CharField(allow_blank=True, help_text="The role given, or empty.")
    is_invitation = serializers.BooleanField(help_text="The person is asked in first.")


class PreviewSerializer(serializers.Serializer[Any]):
    gain = GainSerializer(many=True)
    change = GainSerializer(many=True)
    lose = GainSerializer(many=True)


def preview_of(preview: Preview | None) -> dict[str, Any]:
    """A preview as a document; None stands for nothing that changes."""
    parts = ("gain", "change", "lose")
    return {part: [_move(move) for move in getattr(preview, part, ())] for part in parts}


def _move(move: Move) -> dict[str, Any]:
    return {
        "user_name": move.person.user_name, "before": move.before, "after": move.after,
        "is_invitation": move.is_invitation,
    }  # fmt: skip


class DirectoryPersonSerializer(serializers.ModelSerializer[DirectoryPerson]):
    state = serializers.SerializerMethodField(help_text="active, invited, waiting or inactive.")
    groups: Any = serializers.ListField(source="group_names", child=serializers.CharField(), read_only=True)

    class Meta:
        model = DirectoryPerson
        fields = [
            "id", "user_name", "email", "external_id", "state", "groups", "is_adopted", "created_at", "changed_at",
        ]  # fmt: skip

    def get_state(self, person: DirectoryPerson) -> str:
        return state_of(person)
