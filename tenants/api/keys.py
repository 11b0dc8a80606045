"""Keys of environments and one's own tokens on the API."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import (
    bulk_revoking,
    finding,
    key_holder,
    key_reach,
    key_rotation,
    key_scope,
    keys,
    leaks,
    scoping,
    tokens,
)
from tenants.api import serializers as s
from tenants.api.bodies import body_of
from tenants.api.reading import one_of, text_of, viewer_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.api.structure import TENANT, WORDS, within
from tenants.handing_in import THANKS, require_room
from tenants.models import ApiKey, Environment, PersonalToken

MANAGE_KEYS = "tenants.manage_keys"
STATES = ("usable", "active", "expiring", "unused", "old", "powerful", "wide", "stopped", "revoked", "expired")


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            WORDS,
            OpenApiParameter("environment", str, description="`tenant/project/kind`"),
            OpenApiParameter("kind", str, enum=Environment.Kind.values, description="A kind of environment."),
            OpenApiParameter("state", str, enum=STATES),
            sort_parameter(finding.KEY_SORTS),
        ]
    )
)
class KeyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ApiKey]):
    """Keys by their prefix; the secret is in the answer that issues one."""

    queryset = ApiKey.objects.none()
    serializer_class = s.KeySerializer
    pagination_class = SortedPaging
    sorts = finding.KEY_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ApiKey]:
        rows = within(
            self.request,
            ApiKey.objects.select_related(
                "tenant", "environment__project", "environment__tenant", "created_by", "holder"
            ),
        )
        if path := text_of(self.request, "environment"):
            rows = rows.filter(environment=scoping.find_environment(viewer_of(self.request), path))
        state = one_of(self.request, "state", STATES)
        if state == "wide":  # what a key calls is for who may narrow it
            rows = scoping.visible(viewer_of(self.request), rows, MANAGE_KEYS)
        return finding.keys(
            rows,
            text=text_of(self.request, "q"),
            state=state,
            kind=one_of(self.request, "kind", Environment.Kind.values),
        )

    @extend_schema(request=s.NewKeySerializer, responses={201: s.IssuedKeySerializer})
    def create(self, request: Request) -> Response:
        """Issue a key. Its secret is in this answer and is not shown again."""
        given = body_of(request, s.NewKeySerializer)
        environment = scoping.find_environment(viewer_of(request), given.pop("environment"), MANAGE_KEYS)
        if named := given.pop("holder", ""):
            given["holder"] = key_holder.holder_for(environment.tenant, named, viewer_of(request))
        return _shown_once(keys.issue(environment=environment, by=viewer_of(request), **given))

    @extend_schema(request=s.HolderSerializer, responses=s.KeySerializer)
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request, pk: Any) -> Response:
        """Make it the key of a service account, or your own."""
        key = self.get_object()
        scoping.require(viewer_of(request), MANAGE_KEYS, key)
        named = body_of(request, s.HolderSerializer)["holder"]
        to = key_holder.holder_for(key.tenant, named, viewer_of(request))
        key_holder.hand_over(key=key, to=to, by=viewer_of(request))
        return Response(s.KeySerializer(self.get_object()).data)

    @extend_schema(request=s.RotationSerializer, responses={201: s.IssuedKeySerializer})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: Any) -> Response:
        """Replace a key by a new one of the same scope; the old one ends after the overlap. Its secret is in this
        answer and is not shown again."""
        key = self.get_object()
        scoping.require(viewer_of(request), MANAGE_KEYS, key)
        overlap = body_of(request, s.RotationSerializer)["overlap"]
        return _shown_once(key_rotation.rotate(key=key, overlap=overlap, by=viewer_of(request)))

    @extend_schema(
        request=s.ManyKeysSerializer, responses=s.ManyRevokedSerializer, filters=False, operation_id="keys_revoke_many"
    )
    @action(detail=False, methods=["post"], url_path="revoke", url_name="revoke-many", pagination_class=None)
    def revoke_many(self, request: Request) -> Response:
        """Revoke many keys: all of them or, where one of them does not exist for you, none."""
        given = body_of(request, s.ManyKeysSerializer)
        viewer = viewer_of(request)
        rows = scoping.visible(viewer, ApiKey.objects.select_related("environment__tenant", "environment__project"))
        found = bulk_revoking.chosen(rows, given["keys"])
        for environment in {key.environment_id: key.environment for key in found}.values():
            scoping.require(viewer, MANAGE_KEYS, environment)
        return Response({"revoked": bulk_revoking.revoke_all(found=found, by=viewer, reason=given["reason"])})

    @extend_schema(request=s.LeakSerializer, responses=s.KeySerializer)
    @action(detail=True, methods=["post"])
    def leaked(self, request: Request, pk: Any) -> Response:
        """Report a key that was seen where it must not be: it is revoked at once; a second report changes nothing."""
        key = self.get_object()
        scoping.require(viewer_of(request), MANAGE_KEYS, key)
        leaks.report(key=key, by=viewer_of(request), where=body_of(request, s.LeakSerializer)["where"])
        return Response(s.KeySerializer(self.get_object()).data)

    @extend_schema(request=s.KeyScopeSerializer, responses=s.KeySerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change which routes a key may call and which networks it may be used from."""
        key = self.get_object()
        scoping.require(viewer_of(request), MANAGE_KEYS, key)
        key_scope.narrow(key=key, by=viewer_of(request), **body_of(request, s.KeyScopeSerializer))
        return Response(s.KeySerializer(self.get_object()).data)

    @extend_schema(responses=s.KeyReachSerializer)
    @action(detail=True, pagination_class=None)
    def reach(self, request: Request, pk: Any) -> Response:
        """What a key may call and what of it it called lately, with what it could be narrowed to (`PATCH`)."""
        key = self.get_object()
        scoping.require(viewer_of(request), MANAGE_KEYS, key)
        read = key_reach.with_reach(ApiKey.objects.select_related("environment")).get(pk=key.pk)
        return Response(s.KeyReachSerializer(key_reach.reach_of(read) or key_reach.NOTHING).data)

    @extend_schema(request=s.ReasonSerializer, responses=s.KeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: Any) -> Response:
        """Revoke a key; a second time changes nothing."""
        key = self.get_object()
        scoping.require(viewer_of(request), MANAGE_KEYS, key)
        keys.revoke(key=key, by=viewer_of(request), reason=body_of(request, s.ReasonSerializer)["reason"])
        return Response(s.KeySerializer(self.get_object()).data)


class LeakedKeyViewSet(viewsets.GenericViewSet[ApiKey]):
    """For whoever finds a secret of Atrium, without an account: scanners of repositories above all."""

    queryset = ApiKey.objects.none()
    serializer_class = s.FoundSerializer
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    filter_backends: list[Any] = []

    @extend_schema(request=s.FoundSerializer, responses={202: s.TakenSerializer}, auth=[])
    @method_decorator(sensitive_variables())
    def create(self, request: Request) -> Response:
        """Hand in what was found. A key or token of ours in it is revoked at once and its people are told; the answer
        is the same whatever was handed in."""
        require_room(request._request)
        address = str(get_adapter().get_client_ip(request._request))
        leaks.hand_in(text=body_of(request, s.FoundSerializer)["text"], address=address)
        return Response({"detail": THANKS}, status=status.HTTP_202_ACCEPTED)


def _shown_once(issued: keys.IssuedKey) -> Response:
    document = {**s.KeySerializer(issued.key).data, "secret": issued.secret}
    return Response(document, status=status.HTTP_201_CREATED)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            WORDS,
            OpenApiParameter("state", str, enum=list(tokens.STATES)),
            sort_parameter(finding.TOKEN_SORTS),
        ]
    )
)
class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[PersonalToken]):
    """Your own tokens for this API."""

    queryset = PersonalToken.objects.none()
    serializer_class = s.TokenSerializer
    pagination_class = SortedPaging
    sorts = finding.TOKEN_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[PersonalToken]:
        if getattr(self, "swagger_fake_view", False):
            return PersonalToken.objects.none()
        state = one_of(self.request, "state", tokens.STATES)
        return tokens.find(viewer_of(self.request), text=text_of(self.request, "q"), state=state)

    @extend_schema(request=s.NewTokenSerializer, responses={201: s.IssuedTokenSerializer})
    def create(self, request: Request) -> Response:
        """Issue a token. Its secret is in this answer and is not shown again."""
        token, secret = tokens.issue(
            user=viewer_of(request), by=viewer_of(request), **body_of(request, s.NewTokenSerializer)
        )
        return Response({**s.TokenSerializer(token).data, "secret": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=s.TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: Any) -> Response:
        """Revoke one of your tokens; a second time changes nothing."""
        tokens.revoke(token=self.get_object(), by=viewer_of(request))
        return Response(s.TokenSerializer(self.get_object()).data)
