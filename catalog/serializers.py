"""The catalog as the API writes it. A credential is never among it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from catalog import steering
from catalog.dialects import LONGEST_CREDENTIAL
from catalog.figures import LARGEST_PRICE
from catalog.models import Change, Deployment, Fact, ImportRun, Model, ModelVersion, Provider, Route, RouteTarget
from catalog.prompting import profile
from catalog.prompting.profile import read
from catalog.prompting.sandbox import LONGEST_SOURCE
from tenants.api.bodies import Body

NO_MODEL = "No model answers: the gateway makes the answers itself, for tests and load."


class StandingSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["granted", "pending", "request", "unavailable"])
    environments = serializers.ListField(child=serializers.CharField())
    path = serializers.CharField()


class ModelSerializer(serializers.ModelSerializer[Model]):
    """A model of a list."""

    providers = serializers.ListField(source="provider_slugs", child=serializers.CharField(), read_only=True)
    kind = serializers.CharField(source="mode", read_only=True)
    is_list_price = serializers.SerializerMethodField(help_text="not served here: what its cheapest provider lists")
    standing = serializers.SerializerMethodField()

    class Meta:
        model = Model
        fields = [
            "slug", "name", "developer", "purpose", "kind", "licence", "capabilities", "modalities_in",
            "modalities_out", "context_tokens", "max_output_tokens", "status", "deprecated_on", "is_preview",
            "released_on", "is_pinned", "input_price", "output_price", "price_currency", "is_list_price", "providers",
            "recent_calls", "standing",
        ]  # fmt: skip

    def get_is_list_price(self, model: Model) -> bool:
        return not self.context["standings"][model.pk].is_served

    @extend_schema_field(StandingSerializer)
    def get_standing(self, model: Model) -> dict[str, Any]:
        standing = self.context["standings"][model.pk]
        return {"kind": standing.kind, "environments": list(standing.environments), "path": standing.path}


class FactSerializer(serializers.ModelSerializer[Fact]):
    class Meta:
        model = Fact
        fields = ["name", "value", "source", "source_url", "as_of"]


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """What changed of a model. `matters`: a decision may rest on it."""

    model = serializers.CharField(source="model.slug", read_only=True)
    version = serializers.CharField(source="version.label", default=None, read_only=True, allow_null=True)
    before = serializers.JSONField(read_only=True)
    after = serializers.JSONField(read_only=True)

    class Meta:
        model = Change
        fields = ["id", "model", "version", "kind", "matters", "what", "before", "after", "source", "at"]


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    class Meta:
        model = ModelVersion
        fields = ["id", "label", "released_on", "deprecated_on", "lifecycle", "ends_on"]


class PromptingSerializer(Body):
    """How prompts are put for a deployment's model. What is left out is usual: as its kind of provider has it."""

    system = serializers.ChoiceField(choices=list(profile.SYSTEM.items()), required=False, allow_blank=True)
    prefill = serializers.ChoiceField(choices=list(profile.PREFILL.items()), required=False, allow_blank=True)
    merges = serializers.BooleanField(required=False, help_text="what one side says in a row is put into one message")
    begins_with_user = serializers.BooleanField(required=False, help_text="the assistant cannot speak first")
    tools = serializers.ChoiceField(choices=list(profile.TOOLS.items()), required=False, allow_blank=True)
    images = serializers.ChoiceField(choices=list(profile.IMAGES.items()), required=False, allow_blank=True)
    template = serializers.ChoiceField(
        choices=list(profile.TEMPLATES.items()), required=False, allow_blank=True,
        help_text="of a model that completes texts: how a conversation is written down for it",
    )  # fmt: skip
    own_template = serializers.CharField(
        max_length=LONGEST_SOURCE, required=False, allow_blank=True, trim_whitespace=False,
        help_text="Jinja, as `chat_template` of tokenizer_config.json has it; where `template` is own",
    )  # fmt: skip
    bos = serializers.CharField(
        max_length=profile.LONGEST_SIGN, required=False, allow_blank=True, trim_whitespace=False,
        help_text="empty where its server begins a prompt with it by itself",
    )  # fmt: skip
    eos = serializers.CharField(
        max_length=profile.LONGEST_SIGN, required=False, allow_blank=True, trim_whitespace=False
    )
    stops = serializers.ListField(
        child=serializers.CharField(max_length=profile.LONGEST_SIGN, trim_whitespace=False),
        max_length=profile.MOST_STOPS, required=False, help_text="texts that end an answer",
    )  # fmt: skip


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    model = serializers.CharField(source="version.model.slug", read_only=True)
    version = serializers.CharField(source="version.label", read_only=True)
    provider = serializers.CharField(source="provider.slug", read_only=True)
    is_loopback = serializers.BooleanField(source="provider.is_loopback", read_only=True, help_text=NO_MODEL)
    prompting = serializers.SerializerMethodField()
    may_see = serializers.ListField(
        child=serializers.CharField(), read_only=True, allow_null=True,
        help_text="The classes of data that are said of it and of its provider both; null: any, empty: none at all.",
    )  # fmt: skip

    class Meta:
        model = Deployment
        fields = [
            "id", "model", "version", "provider", "is_loopback", "upstream_name", "region", "data_classes", "may_see",
            "offer",
            "price_notes", "is_enabled", "gone_at", "health", "checked_at", "check_result", "context_tokens",
            "drained_at", "probe_asked_at", "prompting",
        ]  # fmt: skip

    @extend_schema_field(PromptingSerializer)
    def get_prompting(self, deployment: Deployment) -> dict[str, Any]:
        return PromptingSerializer(read(deployment.prompting)).data


class TargetSerializer(serializers.ModelSerializer[RouteTarget]):
    """Where a deployment stands in a route."""

    deployment = serializers.UUIDField(source="deployment_id")
    tier = serializers.IntegerField(source="priority", min_value=1, max_value=steering.HIGHEST_TIER)
    weight = serializers.IntegerField(min_value=0, max_value=steering.HIGHEST_WEIGHT)

    class Meta:
        model = RouteTarget
        fields = ["deployment", "tier", "weight"]


class RouteSerializer(serializers.ModelSerializer[Route]):
    model = serializers.CharField(source="model.slug", read_only=True)
    deployments = serializers.SerializerMethodField()
    fallback = serializers.CharField(
        source="fallback.slug", default="", read_only=True, help_text="asked when no deployment takes a call"
    )
    targets = TargetSerializer(many=True, read_only=True)

    class Meta:
        model = Route
        fields = [
            "slug", "model", "purpose", "is_enabled", "created_at", "deployments", "policy", "regions", "fallback",
            "first_token_timeout_s", "idle_timeout_s", "targets",
        ]  # fmt: skip

    def get_deployments(self, route: Route) -> list[str]:
        return [str(target.deployment_id) for target in route.targets.all()]


class SteeredTargetSerializer(Body):
    deployment = serializers.UUIDField()
    tier = serializers.IntegerField(min_value=1, max_value=steering.HIGHEST_TIER)
    weight = serializers.IntegerField(min_value=0, max_value=steering.HIGHEST_WEIGHT)


class SteeringSerializer(Body):
    """What is left out stays as it is."""

    policy = serializers.ChoiceField(choices=Route.Policy.choices, required=False)
    regions = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=steering.MOST_REGIONS, required=False
    )
    fallback = serializers.CharField(max_length=120, required=False, allow_blank=True)
    first_token_timeout_s = serializers.FloatField(required=False, allow_null=True)
    idle_timeout_s = serializers.FloatField(required=False, allow_null=True)
    targets = SteeredTargetSerializer(many=True, required=False)

    @property
    def said(self) -> steering.Said:
        """What is in it, as the verb takes it."""
        given = dict(self.validated_data)
        if "targets" in given:
            told = given.pop("targets")
            given["places"] = {each["deployment"]: steering.Place(each["tier"], each["weight"]) for each in told}
        if "regions" in given:
            given["regions"] = tuple(given["regions"])
        return cast(steering.Said, given)


class DescribeDeploymentSerializer(Body):
    """What is left out stays as it is; `prompting` is said as a whole."""

    prompting = PromptingSerializer(required=False)

    region = serializers.CharField(max_length=60, required=False, allow_blank=True)
    data_classes = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20, help_text="What it may see."
    )
    context_tokens = serializers.IntegerField(
        min_value=1, max_value=steering.LARGEST_CONTEXT, required=False, allow_null=True
    )


class RouteOfModelSerializer(RouteSerializer):
    """A route, and where the caller stands with it."""

    standing = serializers.SerializerMethodField()

    class Meta(RouteSerializer.Meta):
        fields = [*RouteSerializer.Meta.fields, "standing"]

    @extend_schema_field(StandingSerializer)
    def get_standing(self, route: Route) -> dict[str, Any]:
        standing = self.context["route_standings"][route.pk]
        return {"kind": standing.kind, "environments": list(standing.environments), "path": standing.path}


class ModelDetailSerializer(ModelSerializer):
    """A model with all that is known of it."""

    facts = FactSerializer(many=True, read_only=True)
    versions = VersionSerializer(many=True, read_only=True)
    routes = RouteOfModelSerializer(many=True, read_only=True)

    class Meta(ModelSerializer.Meta):
        fields = [*ModelSerializer.Meta.fields, "description", "facts", "versions", "routes"]


class ProviderSerializer(serializers.ModelSerializer[Provider]):
    website = serializers.CharField(read_only=True, help_text='"" where none is known.')
    is_connected = serializers.BooleanField(read_only=True)
    is_loopback = serializers.BooleanField(read_only=True, help_text=NO_MODEL)
    has_credential = serializers.SerializerMethodField()

    class Meta:
        model = Provider
        fields = [
            "slug", "name", "website", "dialect", "is_loopback", "base_url", "region", "data_classes", "is_connected",
            "has_credential", "connected_at", "tested_at", "test_result",
        ]  # fmt: skip

    def get_has_credential(self, provider: Provider) -> bool:
        return bool(provider.credential)


class ProviderFactsSerializer(Body):
    region = serializers.CharField(max_length=60, required=False, allow_blank=True)
    data_classes = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20,
        help_text="What it may see: public, internal, confidential, personal, special. Empty: any.",
    )  # fmt: skip


class ConnectSerializer(Body):
    name = serializers.CharField(max_length=120)
    dialect = serializers.CharField(
        max_length=20,
        required=False,
        allow_blank=True,
        default="",
        help_text="the kind of endpoint: which API it speaks; empty: the usual one of the provider",
    )
    base_url = serializers.CharField(
        max_length=300, required=False, allow_blank=True, default="", help_text="empty: the kind's usual address"
    )
    credential = serializers.CharField(
        max_length=LONGEST_CREDENTIAL, required=False, allow_blank=True, default="", write_only=True
    )
    region = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    slug = serializers.CharField(
        max_length=80,
        required=False,
        allow_blank=True,
        default="",
        help_text="a provider that the catalog lists already",
    )


class SuggestionSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    base_url = serializers.CharField()
    variable = serializers.CharField(help_text="Where the key was found.")


class ConnectSuggestedSerializer(Body):
    slug = serializers.CharField(max_length=80)


class CredentialSerializer(Body):
    credential = serializers.CharField(max_length=LONGEST_CREDENTIAL, allow_blank=True, write_only=True)


class PublishSerializer(Body):
    provider = serializers.CharField(max_length=80)
    upstream_name = serializers.CharField(max_length=200)
    slug = serializers.CharField(max_length=120, help_text="the name that programs call")
    model = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    new_name = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    input_per_million = serializers.DecimalField(
        max_digits=16, decimal_places=6, min_value=Decimal(0), max_value=LARGEST_PRICE
    )
    output_per_million = serializers.DecimalField(
        max_digits=16, decimal_places=6, min_value=Decimal(0), max_value=LARGEST_PRICE
    )


class ImportRunSerializer(serializers.ModelSerializer[ImportRun]):
    class Meta:
        model = ImportRun
        fields = [
            "id", "state", "asked_by", "started_at", "finished_at", "step", "steps_done", "sources", "report", "error",
        ]  # fmt: skip


class FacetValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the base class's own label
    count = serializers.IntegerField()


class FacetSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    values = FacetValueSerializer(many=True)


@extend_schema_serializer(many=False)
class ModelPageSerializer(serializers.Serializer[Any]):
    """A page of models, with every facet counted."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    corrected = serializers.DictField(child=serializers.CharField())
    facets = FacetSerializer(many=True)
    results = ModelSerializer(many=True)


class FactRowSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    differs = serializers.BooleanField()
    values = serializers.ListField(child=serializers.JSONField())
    best = serializers.ListField(child=serializers.BooleanField())


class ComparisonSerializer(serializers.Serializer[Any]):
    models = ModelSerializer(many=True)
    facts = FactRowSerializer(many=True)
