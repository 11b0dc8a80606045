"""Tenants, projects, environments and memberships on the API: the questions and verbs of the pages."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api import EntrySerializer
from refusals.errors import Invalid, Missing
from tenants import archiving, finding, moving, scoping, structure
from tenants.api import serializers as s
from tenants.api.bodies import body_of
from tenants.api.paging import CursorPaging
from tenants.api.reading import flag_of, one_of, text_of, uuid_of, viewer_of
from tenants.api.securing import Securing
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.data_sent import state_data
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT, require_assignable, require_removable
from tenants.explaining import explain
from tenants.memberships import add_member, refuse_unseen, remove_member
from tenants.models import Environment, Membership, Project, Tenant, User
from tenants.own_roles import CustomRole
from tenants.roles import TENANT_ROLES

SEE_AUDIT = "tenants.view_tenant_audit"
TENANT = OpenApiParameter("tenant", str, description="A tenant's slug.")
WORDS = OpenApiParameter("q", str, description="Words to look for.")


def within(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    """`rows` that the caller may see, of the tenant in `?tenant=` where it is given. Raises `Missing`."""
    found = scoping.visible(viewer_of(request), rows)
    if slug := text_of(request, "tenant"):
        found = found.filter(tenant=scoping.find_tenant(viewer_of(request), slug))
    return found


def person_called(text: str, field: str) -> User:
    """The active person with this user name or e-mail. Raises `Invalid`."""
    found = finding.person(text)
    if found is None:
        raise Invalid(f"There is no active person called “{text}”. Give the user name or e-mail.", field=field)
    return found


@extend_schema_view(
    list=extend_schema(
        parameters=[
            WORDS,
            OpenApiParameter("mine", bool),
            OpenApiParameter("archived", bool),
            sort_parameter(finding.TENANT_SORTS),
        ],
    )
)
class TenantViewSet(Securing, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Tenant]):
    """Tenants: those you are a member of, all of them for people above tenants."""

    queryset = Tenant.objects.none()
    serializer_class = s.TenantSerializer
    pagination_class = SortedPaging
    sorts = finding.TENANT_SORTS
    filter_backends: list[Any] = []
    lookup_field = "slug"
    lookup_value_converter = "slug"

    def get_queryset(self) -> QuerySet[Tenant]:
        viewer = viewer_of(self.request)
        if self.action != "list":
            return finding.with_counts(scoping.tenants_for(viewer), viewer)
        mine, archived = flag_of(self.request, "mine"), flag_of(self.request, "archived")
        rows = finding.tenants(viewer, text=text_of(self.request, "q"), mine=bool(mine), archived=bool(archived))
        return finding.with_counts(rows, viewer)

    @extend_schema(request=s.NewTenantSerializer, responses={201: s.TenantSerializer})
    def create(self, request: Request) -> Response:
        """Create a tenant at once. Everybody else asks for one: `POST /api/onboardings/`."""
        scoping.require_above(viewer_of(request), "tenants.add_tenant")
        given = body_of(request, s.NewTenantSerializer)
        given["owner"] = person_called(given["owner"], "owner")
        made = structure.create_tenant(**given, by=viewer_of(request))
        return Response(self._document(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=s.ChangedTenantSerializer, responses=s.TenantSerializer)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Give a tenant another name or cost centre."""
        tenant = scoping.find_tenant(viewer_of(request), slug)
        scoping.require(viewer_of(request), MANAGE_TENANT, tenant)
        given = body_of(request, s.ChangedTenantSerializer)
        now = {"name": tenant.name, "cost_centre": tenant.cost_centre}
        return Response(self._document(structure.change_tenant(tenant=tenant, by=viewer_of(request), **(now | given))))

    @extend_schema(request=None, responses=s.TenantSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, slug: str) -> Response:
        """Stop the whole tenant: its keys open nothing and nothing in it changes, until it is restored."""
        tenant = self._mine_to_change(request, slug)
        return Response(self._document(archiving.archive_tenant(tenant=tenant, by=viewer_of(request))))

    @extend_schema(request=None, responses=s.TenantSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, slug: str) -> Response:
        """Bring the tenant back as it was."""
        tenant = self._mine_to_change(request, slug)
        return Response(self._document(archiving.restore_tenant(tenant=tenant, by=viewer_of(request))))

    def _mine_to_change(self, request: Request, slug: str) -> Tenant:
        tenant = scoping.find_tenant(viewer_of(request), slug)
        scoping.require(viewer_of(request), MANAGE_TENANT, tenant)
        return tenant

    @extend_schema(
        parameters=[WORDS, OpenApiParameter("verb", str, description="A verb, or its beginning with the dot: `key.`")],
        responses=EntrySerializer(many=True),
        filters=True,
    )
    @action(detail=True, pagination_class=CursorPaging)
    def audit(self, request: Request, slug: str) -> Response:
        """What was done in the tenant, newest first."""
        tenant = scoping.find_tenant(viewer_of(request), slug)
        scoping.require(viewer_of(request), SEE_AUDIT, tenant)
        rows = finding.entries(tenant, text=text_of(request, "q"), verb=text_of(request, "verb"))
        found: list[Any] = list(self.paginate_queryset(rows) or [])  # type: ignore[arg-type]  # not the view's own rows
        return self.get_paginated_response(EntrySerializer(found, many=True).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("permission", str, description="As `manage_keys`; `view_tenant` unless told."),
            OpenApiParameter("person", str, description="User name or e-mail; you unless told."),
            OpenApiParameter("project", str, description="The slug of a project of the tenant: asked for there."),
        ],
        responses=s.ExplanationSerializer,
    )
    @action(detail=True, pagination_class=None)
    def explanation(self, request: Request, slug: str) -> Response:
        """Why somebody may do something in the tenant, or may not. About others only who manages members asks."""
        tenant = scoping.find_tenant(viewer_of(request), slug)
        about = viewer_of(request)
        if named := text_of(request, "person"):
            if finding.person(named) != about:  # before it is told whether there is such a person
                scoping.require(about, MANAGE_MEMBERS, tenant)
            about = person_called(named, "person")
        place: Tenant | Project = tenant
        if slug := text_of(request, "project"):
            place = scoping.find_project(viewer_of(request), f"{tenant.slug}/{slug}")
        told = explain(about, text_of(request, "permission") or "view_tenant", place)
        return Response(s.ExplanationSerializer(told).data)

    def _document(self, tenant: Tenant) -> Any:
        rows = finding.with_counts(Tenant.objects.filter(pk=tenant.pk), viewer_of(self.request))
        return s.TenantSerializer(rows.get()).data


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            WORDS,
            OpenApiParameter("state", str, enum=list(finding.PROJECT_STATES)),
            sort_parameter(finding.PROJECT_SORTS),
        ]
    )
)
class ProjectViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Project]):
    """Projects with their environments."""

    queryset = Project.objects.none()
    serializer_class = s.ProjectSerializer
    pagination_class = SortedPaging
    sorts = finding.PROJECT_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Project]:
        rows = Project.objects.select_related("tenant").prefetch_related(
            "environments__tenant", "environments__project"
        )
        state = one_of(self.request, "state", finding.PROJECT_STATES)
        return finding.projects(within(self.request, rows), text=text_of(self.request, "q"), state=state)

    @extend_schema(request=s.NewProjectSerializer, responses={201: s.ProjectSerializer})
    def create(self, request: Request) -> Response:
        """Create a project with development, test and production."""
        given = body_of(request, s.NewProjectSerializer)
        tenant = scoping.find_tenant(viewer_of(request), given.pop("tenant"))
        scoping.require(viewer_of(request), MANAGE_TENANT, tenant)
        made = structure.create_project(tenant=tenant, by=viewer_of(request), **given)
        return Response(s.ProjectSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=s.ChangedProjectSerializer, responses=s.ProjectSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Give a project another name or purpose; its short name stays."""
        found, given = self.get_object(), body_of(request, s.ChangedProjectSerializer)
        scoping.require(viewer_of(request), MANAGE_TENANT, found)
        now = {"name": found.name, "purpose": found.purpose}
        changed = structure.change_project(project=found, by=viewer_of(request), **(now | given))
        return Response(s.ProjectSerializer(changed).data)

    @extend_schema(request=None, responses=s.ProjectSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: Any) -> Response:
        """Stop it: its keys open nothing and nothing in it changes, until it is restored."""
        found = self._mine_to_change(request)
        return Response(s.ProjectSerializer(archiving.archive_project(project=found, by=viewer_of(request))).data)

    @extend_schema(request=None, responses=s.ProjectSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: Any) -> Response:
        """Bring it back as it was."""
        found = self._mine_to_change(request)
        return Response(s.ProjectSerializer(archiving.restore_project(project=found, by=viewer_of(request))).data)

    @extend_schema(
        methods=["GET"],
        parameters=[OpenApiParameter("to", str, description="The slug of a tenant that you manage.")],
        responses=s.MovePreviewSerializer,
    )
    @extend_schema(methods=["POST"], request=s.MoveSerializer, responses=s.ProjectSerializer)
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def move(self, request: Request, pk: Any) -> Response:
        """Give it to another tenant; asked with GET, what that would do. The answer is the project as it is there."""
        found, viewer = self._mine_to_change(request), viewer_of(request)
        if request.method == "GET":
            wanted, targets = text_of(request, "to"), moving.targets(viewer, found).values_list("slug", flat=True)
            shown = moving.preview(found, moving.find_target(viewer, found, wanted)) if wanted else moving.NOTHING
            return Response(s.MovePreviewSerializer(shown, context={"targets": targets}).data)
        target = moving.find_target(viewer, found, body_of(request, s.MoveSerializer)["to"])
        return Response(s.ProjectSerializer(moving.move_project(project=found, to=target, by=viewer)).data)

    def _mine_to_change(self, request: Request) -> Project:
        found = self.get_object()
        scoping.require(viewer_of(request), MANAGE_TENANT, found.tenant)
        return found


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            OpenApiParameter("project", str, description="A project's slug."),
            OpenApiParameter("kind", str, enum=Environment.Kind.values),
        ]
    )
)
class EnvironmentViewSet(viewsets.ReadOnlyModelViewSet[Environment]):
    """Environments: keys, grants and calls belong to one."""

    queryset = Environment.objects.none()
    serializer_class = s.EnvironmentSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Environment]:
        rows: QuerySet[Environment] = within(self.request, Environment.objects.select_related("tenant", "project"))
        if project := text_of(self.request, "project"):
            rows = rows.filter(project__slug=project)
        if kind := one_of(self.request, "kind", Environment.Kind.values):
            rows = rows.filter(kind=kind)
        return rows

    @extend_schema(request=s.StatedDataSerializer, responses=s.EnvironmentSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Say which classes of data are sent to models from it."""
        found, viewer = self.get_object(), viewer_of(request)
        scoping.require(viewer, MANAGE_TENANT, found)
        given = body_of(request, s.StatedDataSerializer)
        said = state_data(environment=found, data_classes=given["data_classes"], by=viewer)
        return Response(s.EnvironmentSerializer(said).data)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            WORDS,
            OpenApiParameter("role", str, description="A role's slug, built in or the tenant's own."),
            sort_parameter(finding.MEMBER_SORTS),
        ]
    )
)
class MembershipViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Membership]):
    """Who is in a tenant, as what."""

    queryset = Membership.objects.none()
    serializer_class = s.MembershipSerializer
    pagination_class = SortedPaging
    sorts = finding.MEMBER_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Membership]:
        rows = within(self.request, Membership.objects.select_related("tenant", "user", "created_by"))
        role = self._role()
        return finding.members(rows, text=text_of(self.request, "q"), role=role)

    def _role(self) -> str:
        own = scoping.visible(viewer_of(self.request), CustomRole.objects.order_by())
        if text_of(self.request, "role") in TENANT_ROLES:
            return text_of(self.request, "role")
        return one_of(self.request, "role", [*TENANT_ROLES, *own.values_list("slug", flat=True).distinct()[:500]])

    @extend_schema(request=s.NewMembershipSerializer, responses={201: s.MembershipSerializer})
    def create(self, request: Request) -> Response:
        """Put a person into a tenant."""
        given, viewer = body_of(request, s.NewMembershipSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given["tenant"])
        self._may_give(tenant, given["role"])
        person = person_called(given["person"], "person")
        made = add_member(tenant=tenant, user=person, role=given["role"], by=viewer, seen="", tells=True)
        return Response(s.MembershipSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=s.ChangedRoleSerializer, responses=s.MembershipSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Give a member another role."""
        found, given = self._find(pk), body_of(request, s.ChangedRoleSerializer)
        role = given["role"]
        refuse_unseen(found.tenant, found.user, found.role, given.get("seen"))
        self._may_give(found.tenant, found.role, role)
        changed = add_member(
            tenant=found.tenant, user=found.user, role=role, by=viewer_of(request), seen=found.role, tells=True
        )
        return Response(s.MembershipSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Take a member out of the tenant, or leave it."""
        found, viewer = self._find(pk), viewer_of(request)
        require_removable(viewer, found)
        remove_member(membership=found, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _find(self, pk: Any) -> Membership:
        rows = scoping.visible(viewer_of(self.request), Membership.objects.select_related("tenant", "user"))
        found = rows.filter(pk=uuid_of(str(pk), "membership")).first()
        if found is None:
            raise Missing("There is no such membership, or it belongs to another tenant.")
        return found

    def _may_give(self, tenant: Tenant, *roles: str) -> None:
        viewer = viewer_of(self.request)
        scoping.require(viewer, MANAGE_MEMBERS, tenant)
        require_assignable(viewer, tenant, None, *roles)
