"""Bringing a team on the control-plane API: the same pages as values, the same verbs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Onboarding
from access.onboarding import drafting, provisioning, taking_back
from access.onboarding.estimating import estimate
from access.onboarding.pages import unanswered
from access.onboarding.reading import find_for
from access.onboarding.sending import send
from approvals.documents import document_of
from approvals.serializers import RequestDetailSerializer
from catalog.risk.api import MappedSerializer
from tenants.api.bodies import Body, body_of
from tenants.api.reading import viewer_of
from tenants.risk.tiers import TIERS, USE_CASE, assess
from ui.formatting import money

ANSWERS = (
    "By page: `team` {name, slug, line_of_business, cost_centre, sponsor}; `use-case` {project_name, project_slug, "
    "purpose, data_classes: [public, internal, confidential, personal, special], affected: "
    "team|staff|customers|public, users, about_people: yes|no, "
    "autonomy: suggests|confirmed|watched|alone, region: eu|eu-us|any, practices: []}; `people` {people: "
    "[{person, role}]}; `models` {routes: [], environments: [], tools}; `volume` {calls_per_day: {route: number}, "
    "input_tokens, output_tokens}; `isolation` {level: shared|dedicated-data|dedicated, reason}; `terms` {accepted}."
)


class AnswersSerializer(Body):
    answers = serializers.DictField(help_text=ANSWERS, required=False)


class RiskSerializer(serializers.Serializer[Any]):
    tier = serializers.ChoiceField(choices=TIERS)
    reasons = serializers.ListField(child=serializers.CharField())
    rules = serializers.CharField(help_text="the version of the rules; `GET /api/risk-rules/` lists them")
    maps = MappedSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    state = serializers.CharField(help_text="`done`, `running`, `failed` or `waiting`")
    words = serializers.CharField(help_text="What came of it.")


class OnboardingSerializer(serializers.ModelSerializer[Onboarding]):
    state = serializers.CharField(source="shown_state", read_only=True)
    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    request = serializers.IntegerField(source="request.number", read_only=True, allow_null=True)
    missing = serializers.SerializerMethodField(help_text="The pages that lack an answer.")
    risk = serializers.SerializerMethodField()
    expected_cost_a_month = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField(help_text="How far it is set up; empty before a board approved it.")

    class Meta:
        model = Onboarding
        fields = [
            "id", "state", "tenant", "request", "answers", "missing", "risk", "expected_cost_a_month", "steps", "error",
            "created_at", "changed_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_missing(self, onboarding: Onboarding) -> list[str]:
        return [step.slug for step in unanswered(onboarding.answers)]

    @extend_schema_field(RiskSerializer(allow_null=True))
    def get_risk(self, onboarding: Onboarding) -> dict[str, Any] | None:
        case = onboarding.answers.get("use-case")
        if not case or "data_classes" not in case:
            return None
        risk = assess(USE_CASE, case)
        maps = [{"framework": each.framework, "category": each.category, "at": each.at} for each in risk.maps]
        return {"tier": risk.tier, "reasons": list(risk.reasons), "rules": risk.version, "maps": maps}

    def get_expected_cost_a_month(self, onboarding: Onboarding) -> list[str]:
        expected = estimate(onboarding.answers)
        return [money(total, currency) for currency, total in expected.sums] if expected else []

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, onboarding: Onboarding) -> list[dict[str, Any]]:
        if onboarding.state in (Onboarding.State.DRAFT, Onboarding.State.SENT):
            return []
        return [{name: step[name] for name in ("title", "state", "words")} for step in provisioning.steps(onboarding)]


class OnboardingViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Onboarding]):
    """Teams that one brings: a draft that is answered page by page, sent to a board, and set up once it is approved."""

    queryset = Onboarding.objects.none()
    serializer_class = OnboardingSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Onboarding]:
        mine = Onboarding.objects.filter(requester=viewer_of(self.request))
        return mine.select_related("request", "tenant").order_by("-created_at", "-pk")

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One of one's own; for who may create tenants also one that was sent."""
        return Response(OnboardingSerializer(find_for(viewer_of(request), pk)).data)

    @extend_schema(request=AnswersSerializer, responses={201: OnboardingSerializer})
    def create(self, request: Request) -> Response:
        """Begin a draft, with as many answers as there are."""
        given = body_of(request, AnswersSerializer)
        made = drafting.begin_with(answers=given.get("answers", {}), by=viewer_of(request))
        return Response(OnboardingSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AnswersSerializer, responses=OnboardingSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Answer pages; those that are not told stay as they are."""
        given, found = body_of(request, AnswersSerializer), drafting.find(viewer_of(request), pk)
        kept = drafting.answer_plainly(onboarding=found, answers=given.get("answers", {}))
        return Response(OnboardingSerializer(kept).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Throw a draft away that was never sent."""
        drafting.discard(onboarding=drafting.find(viewer_of(request), pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: RequestDetailSerializer})
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: Any) -> Response:
        """Send a complete draft to the board; it is then read under `/api/requests/`."""
        viewer = viewer_of(request)
        made = send(onboarding=drafting.find(viewer, pk), by=viewer)
        return Response(document_of(made.number, viewer), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=OnboardingSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: Any) -> Response:
        """Go on with a setting up that stopped."""
        viewer = viewer_of(request)
        found = provisioning.retry(onboarding=find_for(viewer, pk), by=viewer)
        return Response(OnboardingSerializer(found).data)

    @extend_schema(request=None, responses=OnboardingSerializer)
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: Any) -> Response:
        """Remove what a setting up that stopped has made; the answers stay."""
        viewer = viewer_of(request)
        found = taking_back.take_back(onboarding=find_for(viewer, pk), by=viewer)
        return Response(OnboardingSerializer(found).data)
