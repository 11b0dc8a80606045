"""A tenant's structure as a file on the control-plane API: taken, looked at as a plan, applied as it was seen."""

from __future__ import annotations

from typing import Any, get_args

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from access.applying.applying import apply
from access.applying.exporting import export
from access.applying.planning import plan
from access.applying.reading import read
from access.applying.steps import Action, Kind, Plan
from refusals.yaml_trees import MOST_BYTES
from tenants.api.bodies import Body, body_of
from tenants.api.reading import viewer_of
from tenants.delegation import MANAGE_MEMBERS
from tenants.models import Tenant
from tenants.scoping import find_tenant


class DocumentSerializer(serializers.Serializer[Any]):
    document = serializers.CharField(help_text="YAML, as `plan` and `apply` take it.")


class FileSerializer(Body):
    document = serializers.CharField(
        max_length=MOST_BYTES, trim_whitespace=False, help_text="YAML, as `GET …/structure/` gives it."
    )
    prune = serializers.BooleanField(
        default=False, help_text="Also remove what is there and the lists of the file do not name."
    )


class SeenFileSerializer(FileSerializer):
    fingerprint = serializers.CharField(max_length=64, help_text="Of the plan that you saw.")


class PlannedChangeSerializer(serializers.Serializer[Any]):
    """Null: it is not there, or will not be."""

    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class PlanStepSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=get_args(Action))
    kind = serializers.ChoiceField(choices=get_args(Kind))
    name = serializers.CharField()
    changes = PlannedChangeSerializer(many=True)
    refused = serializers.CharField(help_text="Why you may not do it; empty where you may.")


class PlanSerializer(serializers.Serializer[Plan]):
    sentence = serializers.CharField()
    steps = PlanStepSerializer(many=True)
    unlisted = serializers.ListField(
        child=serializers.CharField(), help_text="What is there and the file does not name; it stays without `prune`."
    )
    notes = serializers.ListField(child=serializers.CharField(), help_text="What a file cannot bring about.")
    fingerprint = serializers.CharField(help_text="Give it to `apply`, so that what is done is what was seen.")


class TenantFileViewSet(viewsets.ViewSet):
    """A tenant's structure as a file: projects, people with their roles, limits and budgets of every place."""

    lookup_field = "slug"
    lookup_value_converter = "slug"

    @extend_schema(responses=DocumentSerializer)
    @action(detail=True, url_path="structure", url_name="export")
    def export(self, request: Request, slug: str) -> Response:
        """The file as the tenant stands. Keys are named; their secrets are nowhere."""
        return Response({"document": export(self._tenant(request, slug))})

    @extend_schema(request=FileSerializer, responses=PlanSerializer)
    @action(detail=True, methods=["post"])
    def plan(self, request: Request, slug: str) -> Response:
        """What applying a file would do. Nothing is done."""
        tenant, given = self._tenant(request, slug), body_of(request, FileSerializer)
        seen = plan(document=read(given["document"]), tenant=tenant, prune=given["prune"], by=viewer_of(request))
        return self._told(seen)

    @extend_schema(request=SeenFileSerializer, responses=PlanSerializer)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, slug: str) -> Response:
        """Do all steps of the plan with this fingerprint, or nothing: 409 where it would be another plan by now."""
        tenant, given = self._tenant(request, slug), body_of(request, SeenFileSerializer)
        document = read(given.pop("document"))
        return self._told(apply(document=document, tenant=tenant, by=viewer_of(request), **given))

    def _tenant(self, request: Request, slug: str) -> Tenant:
        return find_tenant(viewer_of(request), slug, MANAGE_MEMBERS)

    def _told(self, seen: Plan) -> Response:
        told = {name: getattr(seen, name) for name in ("sentence", "unlisted", "notes", "fingerprint")}
        return Response(PlanSerializer(told | {"steps": [step.told for step in seen.steps]}).data)  # type: ignore[arg-type]
