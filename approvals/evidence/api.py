"""Evidence of a request on the control-plane API: read it, give a piece, collect again what the product knows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import request as http
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from approvals.evidence.collecting import collect
from approvals.evidence.giving import MAX_LINK, MAX_NAME, MAX_SOURCE, MAX_TEXT, give
from approvals.evidence.standing import standing
from approvals.evidence.tables import EvidenceItem
from approvals.models import Request
from approvals.scoping import find_request
from refusals.errors import Invalid
from tenants.api.bodies import Body, body_of
from tenants.api.reading import viewer_of


class EvidenceFactSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # fields leave the class
    as_of = serializers.CharField(allow_blank=True)
    path = serializers.CharField(allow_blank=True)


class EvidencePieceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(allow_blank=True, help_text="Empty: not kept yet, told as it is now.")
    kind = serializers.ChoiceField(choices=EvidenceItem.Kind.choices)
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["fresh", "stale", "failed", "now", "frozen"])
    source = serializers.CharField()  # type: ignore[assignment]  # fields leave the class
    facts = EvidenceFactSerializer(many=True)
    text = serializers.CharField()
    link = serializers.CharField()
    document = serializers.CharField(help_text="The attachment that it is in, if it is a document.")
    trouble = serializers.CharField(help_text="Why it could not be collected.")
    collected_at = serializers.DateTimeField(allow_null=True)
    by = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    sha256 = serializers.CharField(help_text="Over everything that it says, in canonical JSON (RFC 8785).")


class EvidenceStandingSerializer(serializers.Serializer[Any]):
    stale = serializers.IntegerField()
    pieces = EvidencePieceSerializer(many=True)


class GiveEvidenceSerializer(Body):
    name = serializers.CharField(max_length=MAX_NAME)
    source = serializers.CharField(  # type: ignore[assignment]  # fields leave the class
        max_length=MAX_SOURCE,
        required=False,
        default="",
        allow_blank=True,
        help_text="Where it is from; you, unless told.",
    )
    text = serializers.CharField(max_length=MAX_TEXT, required=False, default="", allow_blank=True)
    link = serializers.CharField(max_length=MAX_LINK, required=False, default="", allow_blank=True)
    expires_on = serializers.DateField(required=False, allow_null=True, default=None, help_text="Its last day (UTC).")
    document = serializers.UUIDField(required=False, help_text="A document that is attached to the request.")
    supersedes = serializers.UUIDField(required=False, help_text="The piece of which this is a newer version.")


class EvidenceActions:
    """The actions of requests that concern their evidence."""

    @extend_schema(responses=EvidenceStandingSerializer, filters=False)
    @action(detail=True, pagination_class=None)
    def evidence(self, request: http.Request, number: int) -> Response:
        """The evidence on a request: fresh or stale; as it is now before a job kept it; frozen after the decision."""
        return self._standing(find_request(viewer_of(request), number))

    @extend_schema(request=GiveEvidenceSerializer, responses={201: EvidenceStandingSerializer})
    @evidence.mapping.post
    def give_evidence(self, request: http.Request, number: int) -> Response:
        """Give a text or a link that you answer for. It stays; a newer version supersedes it."""
        found, given = find_request(viewer_of(request), number), body_of(request, GiveEvidenceSerializer)
        if (key := given.pop("supersedes", None)) is not None:
            given["supersedes"] = found.evidence_items.filter(pk=key).first()
            if given["supersedes"] is None:
                raise Invalid("There is no such piece of evidence on this request.", field="supersedes")
        if (key := given.pop("document", None)) is not None:
            given["document"] = found.attachments.filter(pk=key).first()
            if given["document"] is None:
                raise Invalid("There is no such document on this request.", field="document")
        give(request=found, by=viewer_of(request), **given)
        return self._standing(found, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=EvidenceStandingSerializer)
    @action(detail=True, methods=["post"], url_path="evidence/collect")
    def collect_evidence(self, request: http.Request, number: int) -> Response:
        """Collect everything that the product knows once more."""
        found = find_request(viewer_of(request), number)
        collect(request=found, by=viewer_of(request))
        return self._standing(found)

    def _standing(self, found: Request, code: int = status.HTTP_200_OK) -> Response:
        record = found.decision.record if hasattr(found, "decision") else None
        return Response(EvidenceStandingSerializer(standing(found, record)).data, status=code)
