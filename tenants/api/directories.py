"""Directories on the API: tokens, rules with their preview, and whom a directory knows."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from refusals.errors import Missing
from tenants import scoping
from tenants.api import serializers_of_directory as s
from tenants.api.bodies import body_of
from tenants.api.reading import one_of, text_of, uuid_of, viewer_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.api.structure import WORDS
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT, require_assignable
from tenants.directory import finding, tokens
from tenants.directory.rules import end_rule, make_rule, preview_of_end, preview_of_rule
from tenants.directory.standing import find
from tenants.models import DirectoryPerson, DirectoryRule, DirectoryToken, Tenant, User
from tenants.views.directory_place import CHANGE_PEOPLE

WHOSE = OpenApiParameter(
    "tenant", str, description="A tenant's slug, for its own directory; without it the platform's."
)


def require_directory(viewer: User, slug: str | None) -> Tenant | None:
    """The tenant whose own directory it is about, None for the platform's. Raises `Missing`, `Forbidden`."""
    if slug:
        return scoping.find_tenant(viewer, slug, MANAGE_TENANT)
    scoping.require_above(viewer, CHANGE_PEOPLE)
    scoping.require_above(viewer, MANAGE_MEMBERS)
    return None


def find_one(viewer: User, rows: QuerySet[Any], key: Any, what: str) -> Any:
    """One of `rows`, of a directory that `viewer` runs. Raises `Missing` to strangers, `Forbidden`."""
    runs_platform = viewer.has_perm(CHANGE_PEOPLE) and viewer.has_perm(MANAGE_MEMBERS)
    seen = Q(directory__tenant__in=scoping.tenants_for(viewer))
    rows = rows.filter(seen | Q(directory__tenant=None) if runs_platform else seen)
    found = rows.select_related("created_by", "directory__tenant").filter(pk=uuid_of(str(key), what)).first()
    if found is None:
        raise Missing(f"There is no such {what}, or it belongs to another tenant.")
    if found.directory.tenant is not None:
        scoping.require(viewer, MANAGE_TENANT, found.directory.tenant)
    return found


@extend_schema_view(list=extend_schema(parameters=[WHOSE]))
class DirectoryTokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[DirectoryToken]):
    """The tokens with which services of directories come to `/scim/v2`."""

    queryset = DirectoryToken.objects.none()
    serializer_class = s.DirectoryTokenSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[DirectoryToken]:
        if getattr(self, "swagger_fake_view", False):
            return DirectoryToken.objects.none()
        return tokens.tokens_of(require_directory(viewer_of(self.request), text_of(self.request, "tenant")))

    def get_object(self) -> DirectoryToken:
        found: DirectoryToken = find_one(
            viewer_of(self.request), DirectoryToken.objects.all(), self.kwargs["pk"], "token"
        )
        return found

    @extend_schema(request=s.NewDirectoryTokenSerializer, responses={201: s.IssuedDirectoryTokenSerializer})
    def create(self, request: Request) -> Response:
        """Issue a token. Its secret is in this answer and is not shown again."""
        given, viewer = body_of(request, s.NewDirectoryTokenSerializer), viewer_of(request)
        tenant = require_directory(viewer, given.pop("tenant"))
        token, secret = tokens.issue(tenant=tenant, by=viewer, **given)
        document = {**s.DirectoryTokenSerializer(token).data, "secret": secret}
        return Response(document, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=s.DirectoryTokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: Any) -> Response:
        """Revoke a token; a second time changes nothing."""
        tokens.revoke(token=self.get_object(), by=viewer_of(request))
        return Response(s.DirectoryTokenSerializer(self.get_object()).data)


@extend_schema_view(list=extend_schema(parameters=[WHOSE]))
class DirectoryRuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[DirectoryRule]):
    """Rules: who is in a group of a directory is a member of a tenant with a role."""

    queryset = DirectoryRule.objects.none()
    serializer_class = s.DirectoryRuleSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[DirectoryRule]:
        if getattr(self, "swagger_fake_view", False):
            return DirectoryRule.objects.none()
        rows = DirectoryRule.objects.select_related("tenant", "created_by", "directory__tenant")
        tenant = require_directory(viewer_of(self.request), text_of(self.request, "tenant"))
        return rows.filter(directory__tenant=tenant)

    def get_object(self) -> DirectoryRule:
        rules = DirectoryRule.objects.select_related("tenant")
        found: DirectoryRule = find_one(viewer_of(self.request), rules, self.kwargs["pk"], "rule")
        return found

    @extend_schema(request=s.NewDirectoryRuleSerializer, responses={201: s.DirectoryRuleSerializer})
    def create(self, request: Request) -> Response:
        """Make a rule. Who is in the group is a member at once; whom a tenant's own directory tells of is invited."""
        tenant, given = self._wanted(request)
        made = make_rule(tenant=tenant, by=viewer_of(request), **given)
        return Response(s.DirectoryRuleSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=s.NewDirectoryRuleSerializer, responses=s.PreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What making this rule would do now. Nothing is changed."""
        tenant, given = self._wanted(request)
        directory = find(None if given["of_platform"] else tenant)
        if directory is None:
            return Response(s.preview_of(None))
        found = preview_of_rule(directory=directory, tenant=tenant, group_name=given["group_name"], role=given["role"])
        return Response(s.preview_of(found))

    @extend_schema(request=None, responses=s.PreviewSerializer)
    @action(detail=True, methods=["post"], url_path="preview-end")
    def preview_end(self, request: Request, pk: Any) -> Response:
        """What ending this rule would do now. Nothing is changed."""
        return Response(s.preview_of(preview_of_end(self.get_object())))

    def destroy(self, request: Request, pk: Any) -> Response:
        """End a rule, and the memberships that no other rule gives."""
        rule, viewer = self.get_object(), viewer_of(request)
        require_assignable(viewer, rule.tenant, None, rule.role)
        end_rule(rule=rule, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _wanted(self, request: Request) -> tuple[Tenant, dict[str, Any]]:
        given, viewer = body_of(request, s.NewDirectoryRuleSerializer), viewer_of(request)
        slug, of_platform = given.pop("tenant"), given["of_platform"]
        require_directory(viewer, None if of_platform else slug)
        tenant = scoping.find_tenant(viewer, slug)
        require_assignable(viewer, tenant, None, given["role"])
        return tenant, given


@extend_schema_view(
    list=extend_schema(
        parameters=[
            WHOSE,
            WORDS,
            OpenApiParameter("state", str, enum=list(finding.STATES)),
            OpenApiParameter("group", str, description="The name of a group."),
            sort_parameter(finding.SORTS),
        ]
    )
)
class DirectoryPersonViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[DirectoryPerson]):
    """Whom a directory knows, in which groups, and what became of them."""

    queryset = DirectoryPerson.objects.none()
    serializer_class = s.DirectoryPersonSerializer
    pagination_class = SortedPaging
    sorts = finding.SORTS
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[DirectoryPerson]:
        if getattr(self, "swagger_fake_view", False):
            return DirectoryPerson.objects.none()
        directory = find(require_directory(viewer_of(self.request), text_of(self.request, "tenant")))
        if directory is None:
            raise Missing("There is no such directory yet: issue a token first.")
        return finding.people(
            directory,
            text=text_of(self.request, "q"),
            state=one_of(self.request, "state", finding.STATES),
            group=text_of(self.request, "group"),
        )
