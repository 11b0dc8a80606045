"""How invitations and requests to join look on the API. A link's secret appears in the one answer that sends it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tenants.api.bodies import Body
from tenants.arrivals import Invitation
from tenants.invite import Sent


def _slug(of: str = "slug", **options: Any) -> Any:
    return serializers.SlugRelatedField(slug_field=of, read_only=True, **options)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    tenant = _slug()
    created_by = _slug("username", allow_null=True)
    state = serializers.CharField(read_only=True)
    undelivered = serializers.CharField(read_only=True, help_text="Why the last mail could not be sent, or empty.")

    class Meta:
        model = Invitation
        fields = [
            "id", "tenant", "email", "role", "state", "created_at", "created_by", "expires_at", "sent_count",
            "last_sent_at", "undelivered", "accepted_at", "declined_at", "withdrawn_at",
        ]  # fmt: skip


class NewInvitationSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    email = serializers.CharField(max_length=254)
    role = serializers.CharField(max_length=20)


class SentInvitationSerializer(InvitationSerializer):
    secret = serializers.CharField(
        read_only=True, allow_null=True, help_text="The link is `/invitations/<secret>/` on this portal; shown once."
    )

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "secret"]


class MyInvitationSerializer(serializers.ModelSerializer[Invitation]):
    """As who is invited sees it."""

    tenant = _slug()
    tenant_name = serializers.CharField(source="tenant.name", read_only=True)
    invited_by = serializers.SerializerMethodField()
    state = serializers.CharField(read_only=True)

    class Meta:
        model = Invitation
        fields = ["id", "tenant", "tenant_name", "email", "role", "state", "invited_by", "created_at", "expires_at"]

    def get_invited_by(self, invitation: Invitation) -> str:
        return str(invitation.created_by or "Atrium")


def sent(made: Sent) -> dict[str, Any]:
    """The invitation with the secret of its link."""
    return {**InvitationSerializer(made.invitation).data, "secret": made.secret}
