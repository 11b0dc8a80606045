"""Mails on the API: one's own choices, and the defaults of a tenant."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from notices.mail.choosing import Line, choose, defaults_of, hour_of, lines_of, set_defaults
from notices.mail.sending import address_for
from refusals.errors import Invalid
from tenants.api.bodies import Body, body_of
from tenants.api.reading import text_of, viewer_of
from tenants.invitation_mail import mail_leaves
from tenants.models import Tenant
from tenants.notice_kinds import HOW, KINDS
from tenants.scoping import find_tenant, require

MANAGE = "tenants.manage_tenant"
TENANT = OpenApiParameter("tenant", str, description="A tenant's slug: about this tenant alone.")
OF_TENANT = OpenApiParameter("tenant", str, required=True, description="A tenant's slug.")


class KindSerializer(serializers.Serializer[Line]):
    kind = serializers.ChoiceField(source="kind.slug", choices=list(KINDS))
    name = serializers.CharField(source="kind.name")
    sentence = serializers.CharField(source="kind.sentence")
    chosen = serializers.CharField(help_text=f"One of {', '.join(HOW)}, or empty: nothing is chosen here.")
    applies = serializers.ChoiceField(choices=list(HOW))


@extend_schema_serializer(many=False)
class ChoicesSerializer(serializers.Serializer[Any]):
    address = serializers.CharField(
        help_text="Where mails go; empty: none is confirmed, or an account of the demonstration; nothing is sent."
    )
    mail_leaves = serializers.BooleanField(help_text="Whether this installation has a mail server.")
    hour = serializers.IntegerField(help_text="Of your own day: when the daily summary comes.")
    kinds = KindSerializer(many=True)


@extend_schema_serializer(many=False)
class DefaultsSerializer(serializers.Serializer[Any]):
    tenant = serializers.CharField()
    kinds = KindSerializer(many=True)


def _ways() -> Any:
    return serializers.DictField(
        child=serializers.ChoiceField(choices=list(HOW), allow_blank=True),
        required=False,
        help_text="By kind; an empty text takes a choice away, kinds that are not named stay.",
    )


class ChangeChoicesSerializer(Body):
    tenant = serializers.CharField(max_length=40, required=False, help_text="About this tenant alone.")
    choices = _ways()
    hour = serializers.IntegerField(required=False, min_value=0, max_value=23)


class ChangeDefaultsSerializer(Body):
    tenant = serializers.CharField(max_length=40)
    defaults = _ways()


class MailChoiceViewSet(viewsets.ViewSet):
    """What comes to you by e-mail, by kind: at once, in a daily summary, or not."""

    @extend_schema(operation_id="mail_choices", parameters=[TENANT], responses=ChoicesSerializer)
    def list(self, request: Request) -> Response:
        slug = text_of(request, "tenant")
        return self._told(request, find_tenant(viewer_of(request), slug) if slug else None)

    @extend_schema(operation_id="mail_choices_change", request=ChangeChoicesSerializer, responses=ChoicesSerializer)
    def change_all(self, request: Request) -> Response:
        """Choose, in general or about one tenant."""
        given, viewer = body_of(request, ChangeChoicesSerializer), viewer_of(request)
        slug = given.get("tenant", "")
        tenant = find_tenant(viewer, slug) if slug else None
        choose(user=viewer, tenant=tenant, choices=given.get("choices", {}), hour=given.get("hour"))
        return self._told(request, tenant)

    def _told(self, request: Request, tenant: Tenant | None) -> Response:
        viewer = viewer_of(request)
        told = {
            "address": address_for(viewer), "mail_leaves": mail_leaves(), "hour": hour_of(viewer),
            "kinds": lines_of(viewer, tenant),
        }  # fmt: skip
        return Response(ChoicesSerializer(told).data)


class MailDefaultViewSet(viewsets.ViewSet):
    """How members of a tenant get mails while they have not chosen themselves."""

    @extend_schema(operation_id="mail_defaults", parameters=[OF_TENANT], responses=DefaultsSerializer)
    def list(self, request: Request) -> Response:
        slug = text_of(request, "tenant")
        if not slug:
            raise Invalid("Name the tenant.", field="tenant")
        return self._told(find_tenant(viewer_of(request), slug))

    @extend_schema(operation_id="mail_defaults_change", request=ChangeDefaultsSerializer, responses=DefaultsSerializer)
    def change_all(self, request: Request) -> Response:
        """Set defaults; it needs the permission to change the tenant's settings."""
        given, viewer = body_of(request, ChangeDefaultsSerializer), viewer_of(request)
        tenant = find_tenant(viewer, given["tenant"])
        require(viewer, MANAGE, tenant)
        set_defaults(tenant=tenant, defaults=given.get("defaults", {}), by=viewer)
        return self._told(tenant)

    def _told(self, tenant: Tenant) -> Response:
        return Response(DefaultsSerializer({"tenant": tenant.slug, "kinds": defaults_of(tenant)}).data)
