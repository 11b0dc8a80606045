"""How tenants, people and keys look on the API. Secrets appear in the one answer that issues them, and nowhere else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from tenants.api.bodies import Body
from tenants.bulk_revoking import MOST_AT_ONCE
from tenants.explaining import Explanation
from tenants.key_rotation import OVERLAPS
from tenants.leaks import LONGEST_TEXT
from tenants.models import ApiKey, Environment, Membership, Notification, PersonalToken, Project, Tenant, User
from tenants.moving import Preview
from tenants.names import all_seen
from tenants.own_settings import time_zones


def _slug(of: str = "slug", **options: Any) -> Any:
    return serializers.SlugRelatedField(slug_field=of, read_only=True, **options)


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    members = serializers.IntegerField(read_only=True)
    projects = serializers.IntegerField(source="projects_count", read_only=True)
    my_role = serializers.CharField(source="role", read_only=True, allow_null=True)

    class Meta:
        model = Tenant
        fields = [
            "slug", "name", "cost_centre", "is_discoverable", "members", "projects", "my_role", "is_demonstration",
            "created_at", "archived_at",
        ]  # fmt: skip


class NewTenantSerializer(Body):
    slug = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    cost_centre = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    owner = serializers.CharField(max_length=254, help_text="User name or e-mail of who will answer for it.")


class ChangedTenantSerializer(Body):
    name = serializers.CharField(max_length=120, required=False)
    cost_centre = serializers.CharField(max_length=40, required=False, allow_blank=True)
    is_discoverable = serializers.BooleanField(required=False, help_text="May be asked to join by its short name.")


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    tenant = _slug()
    project = _slug()
    path = serializers.CharField(read_only=True)

    class Meta:
        model = Environment
        fields = ["id", "path", "tenant", "project", "kind", "data_classes", "created_at"]


class StatedDataSerializer(Body):
    data_classes = serializers.ListField(
        child=serializers.CharField(max_length=40),
        max_length=20,
        help_text="What is sent to models from there: public, internal, confidential, personal, special. Empty: nobody "
        "says.",
    )


class ProjectSerializer(serializers.ModelSerializer[Project]):
    tenant = _slug()
    environments = EnvironmentSerializer(many=True, read_only=True)

    class Meta:
        model = Project
        fields = [
            "id", "tenant", "slug", "name", "purpose", "environments", "created_at", "archived_at", "moved_to",
        ]  # fmt: skip


class NewProjectSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    slug = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    purpose = serializers.CharField(required=False, default="", allow_blank=True, max_length=4000)


class ChangedProjectSerializer(Body):
    name = serializers.CharField(max_length=120, required=False)
    purpose = serializers.CharField(required=False, allow_blank=True, max_length=4000)


class MoveSerializer(Body):
    to = serializers.CharField(max_length=40, help_text="The slug of a tenant that you manage too.")


class MovePreviewSerializer(serializers.Serializer[Any]):
    """What a move would do. Empty but for `targets` where no tenant was named."""

    targets = serializers.SerializerMethodField(help_text="The tenants that you may move it to.")
    along = serializers.SerializerMethodField(help_text="What goes along, and how many of each.")
    keys = serializers.SerializerMethodField(help_text="The prefixes of the keys that work now.")
    ends = serializers.ListField(child=serializers.CharField(), help_text="What ends, in sentences.")
    lose = serializers.SerializerMethodField(help_text="Who sees it no more, by user name.")
    gain = serializers.SerializerMethodField(help_text="Who sees it then, by user name.")

    def get_targets(self, shown: Preview) -> list[str]:
        return list(self.context["targets"])

    def get_along(self, shown: Preview) -> dict[str, int]:
        along: Counter[str] = Counter()
        for each in shown.along:
            along[each.name] += each.count
        return dict(along)

    def get_keys(self, shown: Preview) -> list[str]:
        return [key.prefix for key in shown.keys]

    def get_lose(self, shown: Preview) -> list[str]:
        return [person.username for person in shown.lose]

    def get_gain(self, shown: Preview) -> list[str]:
        return [person.username for person in shown.gain]


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    tenant = _slug()
    user = _slug("username")
    name = serializers.CharField(source="user.__str__", read_only=True)
    created_by = _slug("username", allow_null=True)

    class Meta:
        model = Membership
        fields = ["id", "tenant", "user", "name", "role", "created_at", "created_by"]


class NewMembershipSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    person = serializers.CharField(max_length=254, help_text="User name or e-mail of somebody with an account.")
    role = serializers.CharField(max_length=20)


class RoleSerializer(Body):
    role = serializers.CharField(max_length=20)


class ChangedRoleSerializer(RoleSerializer):
    seen = serializers.CharField(
        max_length=20, required=False, help_text="The role that you saw; refused where it is another one by now."
    )


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    tenant = _slug()
    environment = serializers.CharField(source="environment.path", read_only=True)
    created_by = _slug("username", allow_null=True)
    holder = _slug("username", allow_null=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = ApiKey
        fields = [
            "id", "prefix", "name", "tenant", "environment", "state", "created_at", "created_by", "holder",
            "expires_at", "last_used_at", "revoked_at", "allowed_routes", "allowed_networks", "replaces",
            "leaked_at", "leaked_where",
        ]  # fmt: skip


def _texts(longest: int, about: str, **options: Any) -> serializers.ListField:
    child = serializers.CharField(max_length=longest)
    return serializers.ListField(child=child, max_length=200, required=False, help_text=about, **options)


ROUTES = "The only routes that it may call; empty: every one that the environment was granted."
NETWORKS = "The only networks that it may be used from (CIDR, IPv4 or IPv6); empty: any."


class NewKeySerializer(Body):
    environment = serializers.CharField(max_length=200, help_text="`tenant/project/kind`")
    name = serializers.CharField(max_length=80)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    allowed_routes = _texts(120, ROUTES)
    allowed_networks = _texts(60, NETWORKS)
    holder = serializers.CharField(
        max_length=150,
        required=False,
        help_text="User name of the service account that it is for; you unless told. It stops with its holder.",
    )


class HolderSerializer(Body):
    holder = serializers.CharField(max_length=150, help_text="User name of a service account, or your own.")


class ServiceAccountSerializer(serializers.Serializer[User]):
    """A non-human member of a tenant."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(source="display_name")
    tenant = serializers.CharField(source="service_account.tenant.slug")
    role = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()
    keys = serializers.IntegerField(help_text="Not revoked.")
    tokens = serializers.IntegerField(help_text="Not revoked.")
    created_at = serializers.DateTimeField(source="date_joined")

    def get_role(self, account: User) -> str | None:
        return next((membership.role for membership in account.memberships.all()), None)


class NewServiceAccountSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    name = serializers.CharField(max_length=40, help_text="Short: lower-case letters, digits, hyphens.")
    purpose = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    role = serializers.CharField(max_length=20, required=False, default="viewer")


class ManyKeysSerializer(Body):
    keys = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=MOST_AT_ONCE)
    reason = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)


class ManyRevokedSerializer(serializers.Serializer[Any]):
    """What was done."""

    revoked = serializers.IntegerField(help_text="How many were not revoked before.")


class LeakSerializer(Body):
    where = serializers.CharField(max_length=300, help_text="Where it was seen: an address, a file, a chat.")


class FoundSerializer(Body):
    text = serializers.CharField(
        max_length=LONGEST_TEXT, help_text="The whole secret, beginning with `atrium_`; text around it does no harm."
    )


class TakenSerializer(serializers.Serializer[Any]):
    """The same whatever was handed in."""

    detail = serializers.CharField()


class RotationSerializer(Body):
    overlap = serializers.ChoiceField(choices=list(OVERLAPS), default="24h", help_text="How long the old key stays.")


class KeyScopeSerializer(Body):
    """What is left out stays as it is."""

    allowed_routes = _texts(120, ROUTES)
    allowed_networks = _texts(60, NETWORKS)


class IssuedKeySerializer(KeySerializer):
    secret = serializers.CharField(read_only=True, allow_null=True, help_text="Shown this once.")

    class Meta(KeySerializer.Meta):
        fields = [*KeySerializer.Meta.fields, "secret"]


class KeyReachSerializer(serializers.Serializer[Any]):
    """All empty for a key that opens nothing any more."""

    may = serializers.ListField(child=serializers.CharField(), help_text="The routes that it can call now.")
    called = serializers.ListField(child=serializers.CharField(), help_text="Those of them called in 90 days.")
    never = serializers.ListField(child=serializers.CharField(), help_text="The others.")
    proposal = serializers.ListField(
        child=serializers.CharField(), help_text="What to narrow it to; empty where nothing is to be taken away."
    )


class ReasonSerializer(Body):
    reason = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)


class TokenSerializer(serializers.ModelSerializer[PersonalToken]):
    state = serializers.CharField(read_only=True)

    class Meta:
        model = PersonalToken
        fields = ["id", "prefix", "name", "state", "created_at", "expires_at", "last_used_at", "revoked_at"]


class NewTokenSerializer(Body):
    name = serializers.CharField(max_length=80)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class IssuedTokenSerializer(TokenSerializer):
    secret = serializers.CharField(read_only=True, allow_null=True, help_text="Shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="__str__", read_only=True)
    roles: Any = serializers.SlugRelatedField(source="appointments", slug_field="role", many=True, read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "name", "email", "roles", "is_active", "last_login", "date_joined"]


@extend_schema_serializer(many=False)
class MeSerializer(PersonSerializer):
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Above tenants.")
    memberships = MembershipSerializer(many=True, read_only=True)

    class Meta(PersonSerializer.Meta):
        fields = [*PersonSerializer.Meta.fields, "time_zone", "theme", "permissions", "memberships"]


class OwnSettingsSerializer(Body):
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, validators=[all_seen])
    time_zone = serializers.CharField(max_length=64, required=False, help_text="As `Europe/Berlin`.")
    theme = serializers.ChoiceField(choices=["system", "light", "dark"], required=False)

    def validate_time_zone(self, value: str) -> str:
        if value not in time_zones():
            raise serializers.ValidationError(f"There is no time zone “{value}”. Name one as “Europe/Berlin”.")
        return value


class LinkSerializer(serializers.Serializer[Any]):
    """One thing that was looked at."""

    sentence = serializers.CharField()
    gives = serializers.BooleanField(help_text="It gives the permission by itself.")


class ExplanationSerializer(serializers.Serializer[Any]):
    """Whether somebody holds a permission, what was looked at, and what to do."""

    person = serializers.CharField(source="person.username")
    permission = serializers.CharField()
    tenant = serializers.SerializerMethodField(help_text="Empty: held above tenants alone.")
    project = serializers.SerializerMethodField(help_text="Empty: asked for in the whole tenant.")
    allowed = serializers.BooleanField()
    verdict = serializers.CharField()
    links = LinkSerializer(many=True)
    way = serializers.CharField(help_text="What would give it, and who could; empty where it is held.")

    def get_tenant(self, told: Explanation) -> str:
        return told.tenant.slug if told.tenant else ""

    def get_project(self, told: Explanation) -> str:
        return told.project.slug if told.project else ""


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    class Meta:
        model = Notification
        fields = ["id", "kind", "title", "body", "path", "created_at", "read_at"]
