"""People on the API: everybody for those who may, oneself, and one's notifications."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

import tenants.converters  # noqa: F401  (how a user name is written in an address)
from refusals.errors import Missing
from tenants import finding, scoping
from tenants.activation import activate, deactivate
from tenants.api import serializers as s
from tenants.api.bodies import body_of
from tenants.api.reading import flag_of, one_of, text_of, viewer_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.api.structure import WORDS
from tenants.memberships import appoint, dismiss
from tenants.models import Appointment, Notification, User
from tenants.notifications import find as find_notifications
from tenants.notifications import mark_read
from tenants.own_settings import change_settings
from tenants.roles import PLATFORM_ROLES

SEE, CHANGE = "tenants.view_user", "tenants.change_user"


class SeersOnly(BasePermission):
    """Who may see everybody reads; who may change people changes."""

    def has_permission(self, request: Request, view: Any) -> bool:
        scoping.require_above(viewer_of(request), SEE if request.method in ("GET", "HEAD", "OPTIONS") else CHANGE)
        return True


@extend_schema_view(
    list=extend_schema(
        parameters=[
            WORDS,
            OpenApiParameter("role", str, enum=list(PLATFORM_ROLES), description="A role above tenants."),
            OpenApiParameter("active", bool),
            sort_parameter(finding.PEOPLE_SORTS),
        ]
    )
)
class PersonViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[User]):
    """Everybody who has an account."""

    queryset = User.objects.prefetch_related("appointments")
    serializer_class = s.PersonSerializer
    pagination_class = SortedPaging
    sorts = finding.PEOPLE_SORTS
    permission_classes = [IsAuthenticated, SeersOnly]
    filter_backends: list[Any] = []
    lookup_field = "username"
    lookup_value_converter = "username"

    def get_queryset(self) -> QuerySet[User]:
        if self.action != "list":
            return super().get_queryset()
        role = one_of(self.request, "role", PLATFORM_ROLES)
        rows = finding.people(text=text_of(self.request, "q"), role=role, active=flag_of(self.request, "active"))
        return rows.prefetch_related("appointments")

    @extend_schema(request=s.RoleSerializer, responses=s.PersonSerializer)
    @action(detail=True, methods=["post"])
    def appoint(self, request: Request, username: str) -> Response:
        """Give a role above tenants."""
        appoint(user=self.get_object(), role=body_of(request, s.RoleSerializer)["role"], by=viewer_of(request))
        return Response(s.PersonSerializer(self.get_object()).data)

    @extend_schema(request=s.RoleSerializer, responses=s.PersonSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, username: str) -> Response:
        """Take a role above tenants away."""
        role, person = body_of(request, s.RoleSerializer)["role"], self.get_object()
        held = Appointment.objects.filter(user=person, role=role).select_related("user").first()
        if held is None:
            raise Missing(f"{person} does not have the role “{role}”.")
        dismiss(appointment=held, by=viewer_of(request))
        return Response(s.PersonSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=s.PersonSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, username: str) -> Response:
        """Let somebody sign in again."""
        activate(user=self.get_object(), by=viewer_of(request))
        return Response(s.PersonSerializer(self.get_object()).data)

    @extend_schema(request=s.ReasonSerializer, responses=s.PersonSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, username: str) -> Response:
        """Switch somebody off: sessions end, tokens are refused."""
        reason = body_of(request, s.ReasonSerializer)["reason"]
        deactivate(user=self.get_object(), by=viewer_of(request), reason=reason)
        return Response(s.PersonSerializer(self.get_object()).data)


class MeViewSet(viewsets.ViewSet):
    """Yourself: your roles, your tenants, and what you may do above them."""

    @extend_schema(operation_id="me", responses=s.MeSerializer)
    def list(self, request: Request) -> Response:
        return self._told(viewer_of(request))

    @extend_schema(operation_id="me_change", request=s.OwnSettingsSerializer, responses=s.MeSerializer)
    def change_all(self, request: Request) -> Response:
        """Change your name, time zone or theme."""
        return self._told(change_settings(user=viewer_of(request), **body_of(request, s.OwnSettingsSerializer)))

    def _told(self, viewer: User) -> Response:
        memberships = viewer.memberships.select_related("tenant", "user", "created_by")
        return Response(
            {
                **s.PersonSerializer(viewer).data,
                "time_zone": viewer.time_zone,
                "theme": viewer.theme,
                "permissions": sorted(viewer.get_all_permissions()),
                "memberships": s.MembershipSerializer(memberships, many=True).data,
            }
        )


@extend_schema_view(list=extend_schema(parameters=[WORDS, OpenApiParameter("unread", bool)]))
class NotificationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Notification]):
    """Your notifications, newest first."""

    queryset = Notification.objects.none()
    serializer_class = s.NotificationSerializer
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Notification]:
        if getattr(self, "swagger_fake_view", False):
            return Notification.objects.none()
        unread = flag_of(self.request, "unread")
        return find_notifications(viewer_of(self.request), text=text_of(self.request, "q"), unread=unread)

    @extend_schema(request=None, responses=s.NotificationSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: Any) -> Response:
        """Mark one as read."""
        mark_read(Notification.objects.filter(pk=self.get_object().pk))
        return Response(s.NotificationSerializer(self.get_object()).data)

    @extend_schema(operation_id="notifications_read_all", request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        """Mark all of them as read."""
        mark_read(Notification.objects.filter(user=viewer_of(request)))
        return Response(status=204)
