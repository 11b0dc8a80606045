"""Kept content on the control-plane API: what is kept where and why, changing it, erasures, and the platform's bounds.
The content of a call is read under the call itself (`CallContent`)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from refusals.errors import Invalid
from tenants import scoping
from tenants.api.bodies import Body, body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import text_of, viewer_of
from tenants.models import Environment
from usage.bodies.effective import Effective, at, table
from usage.bodies.erasing import erase_call, erase_of
from usage.bodies.keeping import KEEPS, LONGEST_DAYS, Keeping
from usage.bodies.reading import Opened, read
from usage.bodies.setting import SET, remove_retention, require_bound_setter, set_bound, set_retention
from usage.bodies.stated import bounds_by_kind
from usage.bodies.tables import Erasure
from usage.call_page import find_call
from usage.limits.places import Place, find_place

PLACE_HELP = "A tenant's short name, “tenant/project” or “tenant/project/production”."


class KeepingSerializer(serializers.Serializer[Keeping]):
    keep = serializers.ChoiceField(choices=list(KEEPS))
    days = serializers.IntegerField()
    share = serializers.IntegerField(help_text="Of how many calls of a hundred.")
    only_failed = serializers.BooleanField()
    media = serializers.BooleanField()
    stores_responses = serializers.BooleanField(help_text="Programs reach answers to /v1/responses again by their id.")


class RetentionSerializer(serializers.Serializer[Effective]):
    """What is kept at a place. `own` null: nothing is said there. `source` empty: nothing is said above it either."""

    place = serializers.CharField(source="place.path")
    own = KeepingSerializer(allow_null=True)
    keeping = KeepingSerializer(help_text="What counts, within what the platform lets be kept.")
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # a field called like an argument of DRF's
    sentence = serializers.CharField(help_text="What is kept, and who says so.")

    def get_source(self, told: Effective) -> str:
        return told.source.path if told.source else ""


class NewRetentionSerializer(Body):
    """What is left out is as in a new policy: 30 days, all calls, no media."""

    place = serializers.CharField(max_length=200, help_text=PLACE_HELP)
    keep = serializers.ChoiceField(choices=list(KEEPS))
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=Keeping().days)
    share = serializers.IntegerField(min_value=1, max_value=100, default=100)
    only_failed = serializers.BooleanField(default=False)
    media = serializers.BooleanField(default=False)


class ContentPlaceSerializer(Body):
    place = serializers.CharField(max_length=200, help_text=PLACE_HELP)


class RetentionViewSet(viewsets.ViewSet):
    """What of the calls at each place of a tenant is kept, and why."""

    @extend_schema(
        parameters=[OpenApiParameter("tenant", str, required=True, description="A tenant's slug.")],
        responses=RetentionSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Every place of a tenant that content can be kept at."""
        slug = text_of(request, "tenant")
        if not slug:
            raise Invalid("Name the tenant.", field="tenant")
        told: Any = table(scoping.find_tenant(viewer_of(request), slug))
        return Response(RetentionSerializer(told, many=True).data)

    @extend_schema(request=NewRetentionSerializer, responses=RetentionSerializer)
    def create(self, request: Request) -> Response:
        """Say what is kept at a place; what then counts there."""
        given = body_of(request, NewRetentionSerializer)
        place = self._mine(request, given["place"])
        prompts, answers = KEEPS[given["keep"]]
        keeping = Keeping(
            prompts, answers, given["days"], given["share"], given["only_failed"], given["media"] and prompts
        )
        set_retention(place=place, keeping=keeping, by=viewer_of(request))
        return Response(RetentionSerializer(at(place)).data)

    @extend_schema(request=ContentPlaceSerializer, responses=RetentionSerializer)
    @action(detail=False, methods=["post"])
    def remove(self, request: Request) -> Response:
        """Say nothing at a place any more: what is above it counts."""
        place = self._mine(request, body_of(request, ContentPlaceSerializer)["place"])
        remove_retention(place=place, by=viewer_of(request))
        return Response(RetentionSerializer(at(place)).data)

    def _mine(self, request: Request, path: str) -> Place:
        place = find_place(viewer_of(request), path)
        scoping.require(viewer_of(request), SET, place.row)
        return place


class LatestFirst(CursorPaging):
    ordering = ("-at", "-id")


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    tenant: Any = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = Erasure
        fields = ["id", "tenant", "of", "call_id", "key_prefix", "reason", "contents", "at", "by"]


class NewErasureSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    of = serializers.ChoiceField(choices=[each for each in Erasure.Of.values if each != Erasure.Of.CALL])
    subject = serializers.CharField(
        max_length=4096, help_text="The key's prefix, the end user as calls name them, or the tenant's slug again."
    )
    reason = serializers.CharField(max_length=300)


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("tenant", str, description="A tenant's slug.")]))
class ErasureViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Erasure]):
    """Content that was erased before its time."""

    queryset = Erasure.objects.none()
    serializer_class = ErasureSerializer
    pagination_class = LatestFirst
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Erasure]:
        found = scoping.visible(viewer_of(self.request), Erasure.objects.select_related("tenant", "by"))
        slug = text_of(self.request, "tenant")
        return found.filter(tenant__slug=slug) if slug else found

    @extend_schema(request=NewErasureSerializer, responses={201: ErasureSerializer})
    def create(self, request: Request) -> Response:
        """Erase the content of a key's calls, of those for an end user, or all of a tenant."""
        given = body_of(request, NewErasureSerializer)
        tenant = scoping.find_tenant(viewer_of(request), given.pop("tenant"), SET)
        if given["of"] == Erasure.Of.TENANT and given["subject"] != tenant.slug:
            raise Invalid(f"Send {tenant.slug} as the subject to erase everything of it.", field="subject")
        made = erase_of(tenant, **given, by=viewer_of(request))
        return Response(ErasureSerializer(made).data, status=status.HTTP_201_CREATED)


class BoundSerializer(Body):
    kind = serializers.ChoiceField(choices=Environment.Kind.choices)
    is_allowed = serializers.BooleanField()
    most_days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)


class RetentionBoundViewSet(viewsets.ViewSet):
    """How far the platform lets tenants keep content, for each kind of environment."""

    @extend_schema(responses=BoundSerializer(many=True))
    def list(self, request: Request) -> Response:
        """For every kind; they hold for everybody, so everybody may know."""
        return Response(_bounds())

    @extend_schema(request=BoundSerializer, responses=BoundSerializer(many=True))
    def create(self, request: Request) -> Response:
        """Set it for one kind; what then holds for each."""
        require_bound_setter(viewer_of(request))
        set_bound(**body_of(request, BoundSerializer), by=viewer_of(request))
        return Response(_bounds())


def _bounds() -> list[dict[str, Any]]:
    return [
        {"kind": kind, "is_allowed": bound.is_allowed, "most_days": bound.most_days}
        for kind, bound in bounds_by_kind().items()
    ]


class ContentSerializer(serializers.Serializer[Any]):
    """`prompt` and `answer` as JSON where they are whole and JSON, else as text; null: not kept."""

    call = serializers.UUIDField()
    form = serializers.CharField(help_text="In which it was asked and answered.")
    prompt = serializers.JSONField(allow_null=True)
    answer = serializers.JSONField(allow_null=True)
    is_prompt_cut = serializers.BooleanField()
    is_answer_cut = serializers.BooleanField()
    response = serializers.CharField(
        help_text="By which programs reach it as a stored response; empty where they do not, or one deleted it."
    )
    erase_at = serializers.DateTimeField()


class ErasureReasonSerializer(Body):
    reason = serializers.CharField(max_length=300)


class CallContent(viewsets.GenericViewSet[Any]):
    """What a view set of calls offers of their content."""

    @extend_schema(responses=ContentSerializer)
    @action(detail=True)
    def content(self, request: Request, pk: Any) -> Response:
        """What was asked and answered, where it is kept and you may read it. Each reading is in the audit."""
        call = find_call(request.user, UUID(str(pk)))
        answer = Response(ContentSerializer(_told(read(call=call, by=viewer_of(request)))).data)
        answer["Cache-Control"] = "no-store"
        return answer

    @extend_schema(request=ErasureReasonSerializer, responses={201: ErasureSerializer})
    @action(detail=True, methods=["post"], url_path="erase-content")
    def erase_content(self, request: Request, pk: Any) -> Response:
        """Erase what was asked and answered; the call stays in the ledger."""
        call = find_call(request.user, UUID(str(pk)))
        scoping.require(viewer_of(request), SET, call.environment)
        made = erase_call(call=call, reason=body_of(request, ErasureReasonSerializer)["reason"], by=viewer_of(request))
        return Response(ErasureSerializer(made).data, status=status.HTTP_201_CREATED)


def _told(opened: Opened) -> dict[str, Any]:
    body = opened.body
    return {
        "call": body.pk, "form": body.form, "prompt": _value(opened.prompt), "answer": _value(opened.answer),
        "is_prompt_cut": body.is_prompt_cut, "is_answer_cut": body.is_answer_cut, "response": opened.response,
        "erase_at": body.erase_at,
    }  # fmt: skip


def _value(content: bytes | None) -> Any:
    if content is None:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
