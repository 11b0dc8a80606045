"""Service accounts on the API: non-human members of a tenant, their tokens and their state."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from refusals.errors import Missing
from tenants import scoping, service_accounts, tokens
from tenants.api import serializers as s
from tenants.api.bodies import body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import text_of, uuid_of, viewer_of
from tenants.api.structure import TENANT
from tenants.delegation import MANAGE_MEMBERS, require_assignable
from tenants.models import User


class LatestFirst(CursorPaging):
    ordering = ("-date_joined", "-pk")


@extend_schema_view(list=extend_schema(parameters=[TENANT]))
class ServiceAccountViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[User]):
    """Service accounts of the tenants that you may see."""

    queryset = User.objects.none()
    serializer_class = s.ServiceAccountSerializer
    pagination_class = LatestFirst
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[User]:
        if getattr(self, "swagger_fake_view", False):
            return User.objects.none()
        viewer = viewer_of(self.request)
        tenants = scoping.tenants_for(viewer)
        if slug := text_of(self.request, "tenant"):
            tenants = tenants.filter(pk=scoping.find_tenant(viewer, slug).pk)
        return service_accounts.of_tenants(tenants).select_related("service_account__tenant")

    @extend_schema(request=s.NewServiceAccountSerializer, responses={201: s.ServiceAccountSerializer})
    def create(self, request: Request) -> Response:
        """Create a service account."""
        given, viewer = body_of(request, s.NewServiceAccountSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given.pop("tenant"), MANAGE_MEMBERS)
        require_assignable(viewer, tenant, None, given["role"])
        made = service_accounts.create(tenant=tenant, by=viewer, **given)
        return Response(self._document(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=s.ServiceAccountSerializer)
    @action(detail=True, methods=["post"], url_path="switch-off")
    def switch_off(self, request: Request, pk: Any) -> Response:
        """Its keys and tokens open nothing from then on, within a second."""
        return self._switched(on=False)

    @extend_schema(request=None, responses=s.ServiceAccountSerializer)
    @action(detail=True, methods=["post"], url_path="switch-on")
    def switch_on(self, request: Request, pk: Any) -> Response:
        """Its keys and tokens open again."""
        return self._switched(on=True)

    @extend_schema(request=s.NewTokenSerializer, responses={201: s.IssuedTokenSerializer})
    @action(detail=True, methods=["post"], pagination_class=None)
    def tokens(self, request: Request, pk: Any) -> Response:
        """Issue a token of it for this API. Its secret is in this answer and is not shown again."""
        account = self._mine_to_change()
        given = body_of(request, s.NewTokenSerializer)
        token, secret = service_accounts.issue_token(account=account, by=viewer_of(request), **given)
        return Response({**s.TokenSerializer(token).data, "secret": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=s.TokenSerializer)
    @action(detail=True, methods=["post"], url_path="tokens/<uuid:token_id>/revoke", pagination_class=None)
    def revoke_token(self, request: Request, pk: Any, token_id: Any) -> Response:
        """Revoke one of its tokens; a second time changes nothing."""
        token = service_accounts.tokens_of(self._mine_to_change()).filter(pk=uuid_of(str(token_id), "token")).first()
        if token is None:
            raise Missing("It has no such token.")
        tokens.revoke(token=token, by=viewer_of(request))
        token.refresh_from_db()
        return Response(s.TokenSerializer(token).data)

    def _switched(self, *, on: bool) -> Response:
        account = self._mine_to_change()
        return Response(self._document(service_accounts.switch(account=account, on=on, by=viewer_of(self.request))))

    def _mine_to_change(self) -> User:
        found = self.get_object()
        scoping.require(viewer_of(self.request), MANAGE_MEMBERS, found.service_account.tenant)
        return found

    def _document(self, account: User) -> Any:
        return s.ServiceAccountSerializer(self.get_queryset().get(pk=account.pk)).data
