"""Roles in projects on the API: who has which, and giving, changing and ending them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import finding, scoping
from tenants.api.bodies import Body, body_of
from tenants.api.reading import one_of, text_of, viewer_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.api.structure import TENANT, WORDS, within
from tenants.assigning import give_role, member_called, refuse_unseen, take_role
from tenants.delegation import gives_at, require_assignable_in_project, require_endable
from tenants.models import ProjectRole
from tenants.roles import PROJECT_ROLES


class ProjectRoleSerializer(serializers.ModelSerializer[ProjectRole]):
    tenant: Any = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    project = serializers.SerializerMethodField(help_text="`tenant/project`")
    user: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    name = serializers.CharField(source="user.__str__", read_only=True)
    created_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = ProjectRole
        fields = ["id", "tenant", "project", "user", "name", "role", "created_at", "created_by"]

    def get_project(self, given: ProjectRole) -> str:
        return f"{given.tenant.slug}/{given.project.slug}"


class NewProjectRoleSerializer(Body):
    project = serializers.CharField(max_length=81, help_text="`tenant/project`")
    person = serializers.CharField(max_length=254, help_text="User name or e-mail of a member of the tenant.")
    role = serializers.CharField(max_length=20, help_text=f"One of {', '.join(PROJECT_ROLES)}.")


class ChangedProjectRoleSerializer(Body):
    role = serializers.CharField(max_length=20, help_text=f"One of {', '.join(PROJECT_ROLES)}.")
    seen = serializers.CharField(
        max_length=20, required=False, help_text="The role that you saw; refused where it is another one by now."
    )


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            OpenApiParameter("project", str, description="`tenant/project`"),
            WORDS,
            OpenApiParameter("role", str, enum=list(PROJECT_ROLES)),
            sort_parameter(finding.PROJECT_ROLE_SORTS),
        ]
    )
)
class ProjectRoleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ProjectRole]):
    """What members are in one project, beside their role in its tenant."""

    queryset = ProjectRole.objects.none()
    serializer_class = ProjectRoleSerializer
    pagination_class = SortedPaging
    sorts = finding.PROJECT_ROLE_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ProjectRole]:
        rows = ProjectRole.objects.select_related("project__tenant", "tenant", "user", "created_by")
        found: QuerySet[ProjectRole] = within(self.request, rows)
        if path := text_of(self.request, "project"):
            found = found.filter(project=scoping.find_project(viewer_of(self.request), path))
        role = one_of(self.request, "role", PROJECT_ROLES)
        return finding.members(found, text=text_of(self.request, "q"), role=role)

    @extend_schema(request=NewProjectRoleSerializer, responses={201: ProjectRoleSerializer})
    def create(self, request: Request) -> Response:
        """Give a member of the tenant a role in one project."""
        given, viewer = body_of(request, NewProjectRoleSerializer), viewer_of(request)
        project = scoping.find_project(viewer, given["project"])
        require_assignable_in_project(gives_at(viewer, project), project, given["role"])
        user = member_called(project.tenant, given["person"])
        made = give_role(project=project, user=user, role=given["role"], by=viewer, seen="")
        return Response(self._document(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=ChangedProjectRoleSerializer, responses=ProjectRoleSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Give somebody another role in the project."""
        found, given, viewer = self.get_object(), body_of(request, ChangedProjectRoleSerializer), viewer_of(request)
        role = given["role"]
        refuse_unseen(found.project, found.user, found.role, given.get("seen"))
        require_assignable_in_project(gives_at(viewer, found.project), found.project, found.role, role)
        changed = give_role(project=found.project, user=found.user, role=role, by=viewer, seen=found.role)
        return Response(self._document(changed))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """End a role in a project, or give up one's own; what the member is in the tenant stays."""
        found, viewer = self.get_object(), viewer_of(request)
        require_endable(gives_at(viewer, found.project), viewer, found)
        take_role(given=found, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _document(self, given: ProjectRole) -> Any:
        rows = ProjectRole.objects.select_related("project", "tenant", "user", "created_by")
        return ProjectRoleSerializer(rows.get(pk=given.pk)).data
