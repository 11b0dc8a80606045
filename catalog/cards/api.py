"""Model versions with their cards, licences and terms, on the control-plane API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.authority import require_manager
from catalog.cards import keeping
from catalog.cards.pages import difference, gaps_of, latest_terms, risk_of
from catalog.cards.parts import PARTS
from catalog.cards.reading import MOST_BYTES
from catalog.lifecycle.moving import LONGEST_REASON, move
from catalog.lifecycle.states import Verb
from catalog.models import CardEdition, LifecycleStep, ModelVersion, TermsText
from catalog.risk.api import MappedSerializer
from refusals.errors import Invalid, Missing
from tenants.api.bodies import Body, body_of
from tenants.api.reading import text_of, viewer_of
from tenants.finding import person
from tenants.risk.tiers import TIERS
from ui.difference import diff_lines


class ReadersAndManagers(BasePermission):
    """Everybody who is signed in reads; who may manage the catalog changes."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            require_manager(request.user)
        return bool(request.user and request.user.is_authenticated)


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A release of a model, who answers for it here, and what is not known of it."""

    model = serializers.CharField(source="model.slug", read_only=True)
    owner = serializers.SlugRelatedField[Any](slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = ModelVersion
        fields = [
            "id", "model", "label", "released_on", "deprecated_on", "lifecycle", "lifecycle_since", "ends_on", "owner",
            "next_review_on",
        ]  # fmt: skip
        read_only_fields = ["lifecycle"]


class LifecycleStepSerializer(serializers.ModelSerializer[LifecycleStep]):
    """A step in a version's life."""

    class Meta:
        model = LifecycleStep
        fields = ["verb", "before", "after", "reason", "ends_on", "by", "at"]


class NewLifecycleStepSerializer(Body):
    verb = serializers.ChoiceField(choices=Verb.choices)
    reason = serializers.CharField(max_length=LONGEST_REASON)
    ends_on = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="of a deprecation: the day on which it ends here"
    )


class OwnerSerializer(Body):
    owner = serializers.CharField(
        max_length=150, required=False, allow_blank=True, help_text="user name or e-mail; empty: nobody"
    )
    next_review_on = serializers.DateField(required=False, allow_null=True)


class ResultSerializer(serializers.Serializer[Any]):
    task = serializers.CharField()
    dataset = serializers.CharField()
    metric = serializers.CharField()
    value = serializers.JSONField()


class CardSerializer(serializers.ModelSerializer[CardEdition]):
    """An edition of a card: its text as it was given, and what was read out of it."""

    parts = serializers.SerializerMethodField(help_text="what it says of each part, as Markdown")
    results = serializers.SerializerMethodField()

    class Meta:
        model = CardEdition
        fields = ["number", "text", "sha256", "metadata", "parts", "results", "gaps", "why", "made_by", "made_at"]

    def get_parts(self, edition: CardEdition) -> dict[str, str]:
        card = edition.card
        return {part.key: card.part(part.key) for part in PARTS}

    def get_results(self, edition: CardEdition) -> list[dict[str, Any]]:
        return [dict(ResultSerializer(each).data) for each in edition.card.results]


class CardEditionSerializer(serializers.ModelSerializer[CardEdition]):
    """An edition in a list, without its text."""

    class Meta:
        model = CardEdition
        fields = ["number", "sha256", "gaps", "why", "made_by", "made_at"]


class NewCardSerializer(Body):
    text = serializers.CharField(
        max_length=MOST_BYTES, trim_whitespace=False, help_text="YAML between two lines of ---, then Markdown"
    )
    why = serializers.CharField(max_length=keeping.LONGEST_WHY)
    edition = serializers.IntegerField(
        required=False, min_value=0, help_text="the edition it was made from; refused where it is no longer the newest"
    )


class VersionRiskSerializer(serializers.Serializer[Any]):
    tier = serializers.ChoiceField(choices=list(TIERS))
    reasons = serializers.ListField(child=serializers.CharField())
    version = serializers.CharField(help_text="of the rules")
    maps = MappedSerializer(many=True)


class FactChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class CardLineSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["added", "removed"])
    text = serializers.CharField()
    line = serializers.IntegerField()


class CardDifferenceSerializer(serializers.Serializer[Any]):
    facts = FactChangeSerializer(many=True)
    lines = CardLineSerializer(many=True)


class TermsTextSerializer(serializers.ModelSerializer[TermsText]):
    """The text of a licence or of terms as it was read."""

    kind = serializers.ChoiceField(choices=TermsText.Kind.choices, read_only=True)

    class Meta:
        model = TermsText
        fields = ["id", "kind", "name", "text", "sha256", "source_url", "read_on", "kept_by", "kept_at"]


class NewTermsTextSerializer(Body):
    kind = serializers.ChoiceField(choices=TermsText.Kind.choices)
    name = serializers.CharField(max_length=160)
    text = serializers.CharField(max_length=keeping.MOST_TERMS_BYTES, trim_whitespace=False)
    source_url = serializers.CharField(max_length=300, help_text="where it was read")
    read_on = serializers.DateField(required=False, allow_null=True, default=None, help_text="today unless told")


class ModelVersionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ModelVersion]):
    """Model versions: their cards in editions, licences and terms, who answers for them. Changing is for the platform
    team."""

    queryset = ModelVersion.objects.select_related("model", "owner").defer("model__embedding", "model__search_vector")
    serializer_class = ModelVersionSerializer
    permission_classes = [IsAuthenticated, ReadersAndManagers]
    lookup_value_converter = "uuid"
    filterset_fields = {"model__slug": ["exact"], "label": ["exact"], "lifecycle": ["exact"]}

    @extend_schema(request=OwnerSerializer, responses=ModelVersionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Say who answers for it here, and when they look at it again."""
        given, said = body_of(request, OwnerSerializer), keeping.Owned()
        if "next_review_on" in given:
            said["next_review_on"] = given["next_review_on"]
        if "owner" in given:
            said["owner"] = person(given["owner"]) if given["owner"] else None
            if given["owner"] and said["owner"] is None:
                raise Invalid(f"Nobody active has the user name or e-mail “{given['owner']}”.", field="owner")
        kept = keeping.set_owner(version=self.get_object(), by=viewer_of(request), **said)
        return Response(ModelVersionSerializer(kept).data)

    @extend_schema(
        parameters=[OpenApiParameter("edition", int, description="The newest unless told.")], responses=CardSerializer
    )
    @action(detail=True)
    def card(self, request: Request, pk: str) -> Response:
        """Its card."""
        return Response(CardSerializer(keeping.find_edition(self.get_object(), _number(request, "edition"))).data)

    @extend_schema(request=NewCardSerializer, responses={201: CardSerializer})
    @card.mapping.post
    def keep_card(self, request: Request, pk: str) -> Response:
        """Keep a new edition. The same text again is no new one."""
        said = body_of(request, NewCardSerializer)
        base = said.get("edition")
        seen = keeping.mark_of({"edition": base}) if base is not None else None
        kept = keeping.keep_card(
            version=self.get_object(), text=said["text"], why=said["why"], by=viewer_of(request), seen=seen
        )
        return Response(CardSerializer(kept).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=CardEditionSerializer(many=True), filters=False)
    @action(detail=True, url_path="card-editions", pagination_class=None)
    def card_editions(self, request: Request, pk: str) -> Response:
        """Every edition of its card, the newest first."""
        rows = self.get_object().card_editions.defer("text", "metadata")
        return Response(CardEditionSerializer(rows, many=True).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("from", int, description="The one before unless told."),
            OpenApiParameter("to", int, description="The newest unless told."),
        ],
        responses=CardDifferenceSerializer,
    )  # fmt: skip
    @action(detail=True, url_path="card-difference")
    def card_difference(self, request: Request, pk: str) -> Response:
        """What changed between two editions of its card."""
        found = self.get_object()
        after = keeping.find_edition(found, _number(request, "to"))
        before = keeping.find_edition(found, _number(request, "from") or max(after.number - 1, 1))
        told = difference(before, after)
        lines = [
            {"kind": each.kind, "text": each.text, "line": each.before or each.after}
            for each in diff_lines(*told["texts"])
            if each.kind != "same"
        ]
        return Response(CardDifferenceSerializer({"facts": told["facts"], "lines": lines}).data)

    @extend_schema(responses=LifecycleStepSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def lifecycle(self, request: Request, pk: str) -> Response:
        """The steps of its life, the latest first."""
        return Response(LifecycleStepSerializer(self.get_object().steps.all(), many=True).data)

    @extend_schema(request=NewLifecycleStepSerializer, responses=ModelVersionSerializer)
    @lifecycle.mapping.post
    def move(self, request: Request, pk: str) -> Response:
        """Take one step."""
        said = body_of(request, NewLifecycleStepSerializer)
        return Response(ModelVersionSerializer(move(version=self.get_object(), by=viewer_of(request), **said)).data)

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=True)
    def gaps(self, request: Request, pk: str) -> Response:
        """What should be known of it and is not."""
        found = self.get_object()
        return Response(gaps_of(found, keeping.edition_of(found), latest_terms(found)))

    @extend_schema(responses=VersionRiskSerializer)
    @action(detail=True)
    def risk(self, request: Request, pk: str) -> Response:
        """Its risk tier, with the rules that lead to it."""
        found = self.get_object()
        told = risk_of(found, keeping.edition_of(found), latest_terms(found))
        return Response(VersionRiskSerializer(told).data)

    @extend_schema(responses=TermsTextSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def terms(self, request: Request, pk: str) -> Response:
        """The texts of its licence and terms, of each kind the latest first."""
        return Response(TermsTextSerializer(self.get_object().terms_texts.all(), many=True).data)

    @extend_schema(request=NewTermsTextSerializer, responses={201: TermsTextSerializer})
    @terms.mapping.post
    def keep_terms(self, request: Request, pk: str) -> Response:
        """Keep a text as it was read."""
        said = body_of(request, NewTermsTextSerializer)
        kept = keeping.keep_terms(version=self.get_object(), by=viewer_of(request), **said)
        return Response(TermsTextSerializer(kept).data, status=status.HTTP_201_CREATED)


def _number(request: Request, name: str) -> int | None:
    text = text_of(request, name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Missing(f"There is no edition “{text[:20]}”.", field=name)
    return int(text)
