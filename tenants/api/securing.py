"""What a tenant asks of who comes in, on the API: domains, networks, second factor."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import scoping
from tenants.api.bodies import Body, body_of
from tenants.api.reading import viewer_of
from tenants.delegation import MANAGE_TENANT
from tenants.models import Tenant
from tenants.security.setting import concerned, secure


class SecurityBody(Body):
    """What is left out stays as it is; an empty list and null ask nothing."""

    allowed_email_domains = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=200,
        help_text="`example.com` is that domain alone, `*.example.com` those below it.",
    )  # fmt: skip
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=200, help_text="CIDR, IPv4 and IPv6."
    )
    second_factor_from = serializers.DateTimeField(
        required=False, allow_null=True, help_text="From when on members need one; what is over means from now on."
    )


class SecuritySerializer(serializers.Serializer[Any]):
    """What is asked, and of whom it is not so: by user name and address."""

    allowed_email_domains = serializers.ListField(child=serializers.CharField())
    allowed_networks = serializers.ListField(child=serializers.CharField())
    second_factor_from = serializers.DateTimeField(allow_null=True)
    members_outside = serializers.ListField(child=serializers.CharField(), help_text="Members of other domains.")
    invited_outside = serializers.ListField(child=serializers.CharField(), help_text="Addresses of other domains.")
    members_without_second_factor = serializers.ListField(child=serializers.CharField())


class Securing:
    """The part of the tenants' view set that is about this."""

    @extend_schema(methods=["GET"], responses=SecuritySerializer)
    @extend_schema(methods=["PATCH"], request=SecurityBody, responses=SecuritySerializer)
    @action(detail=True, methods=["get", "patch"], pagination_class=None)
    def security(self, request: Request, slug: str) -> Response:
        """What the tenant asks of who comes in. What would shut you out is refused."""
        tenant = _managed(request, slug)
        if request.method == "PATCH":
            tenant = secure(tenant=tenant, by=viewer_of(request), **body_of(request, SecurityBody))
        return _document(tenant)

    @extend_schema(request=SecurityBody, responses=SecuritySerializer)
    @action(detail=True, methods=["post"], pagination_class=None, url_path="security/preview")
    def security_preview(self, request: Request, slug: str) -> Response:
        """Whom it would concern; nothing is changed."""
        return _document(_managed(request, slug), **body_of(request, SecurityBody))


def _managed(request: Request, slug: str) -> Tenant:
    tenant = scoping.find_tenant(viewer_of(request), slug)
    scoping.require(viewer_of(request), MANAGE_TENANT, tenant)
    return tenant


def _document(tenant: Tenant, **asked: Any) -> Response:
    found = concerned(tenant, **asked)
    document = {
        "allowed_email_domains": found.asked.allowed_email_domains,
        "allowed_networks": found.asked.allowed_networks,
        "second_factor_from": found.asked.second_factor_from,
        "members_outside": [each.user.username for each in found.outside],
        "invited_outside": [each.email for each in found.invited],
        "members_without_second_factor": [each.user.username for each in found.without],
    }
    return Response(SecuritySerializer(document).data)
