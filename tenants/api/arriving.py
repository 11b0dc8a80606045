"""Coming into a tenant on the API: invitations as who sends them and as who is invited."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from refusals.errors import Missing
from tenants import arriving, scoping
from tenants import invite as verbs
from tenants.api import serializers_of_arrival as s
from tenants.api.bodies import body_of
from tenants.api.reading import one_of, text_of, uuid_of, viewer_of
from tenants.api.serializers import MembershipSerializer
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.api.structure import TENANT, WORDS
from tenants.arrivals import Invitation
from tenants.delegation import MANAGE_MEMBERS, require_assignable
from tenants.models import Membership, Tenant, User


def managed(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    """`rows` of the tenants whose members the caller manages, of the one in `?tenant=` where it is given."""
    found = scoping.visible(viewer_of(request), rows, MANAGE_MEMBERS)
    if slug := text_of(request, "tenant"):
        found = found.filter(tenant=scoping.find_tenant(viewer_of(request), slug, MANAGE_MEMBERS))
    return found


def require_may_give(viewer: User, tenant: Tenant, role: str) -> None:
    """Raise unless `viewer` manages the members of `tenant` and may give `role`."""
    scoping.require(viewer, MANAGE_MEMBERS, tenant)
    require_assignable(viewer, tenant, None, role)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            WORDS,
            OpenApiParameter("state", str, enum=list(arriving.INVITATION_STATES)),
            sort_parameter(arriving.INVITATION_SORTS),
        ]
    )
)
class InvitationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Invitation]):
    """Who was asked into the tenants whose members you manage."""

    queryset = Invitation.objects.none()
    serializer_class = s.InvitationSerializer
    pagination_class = SortedPaging
    sorts = arriving.INVITATION_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Invitation]:
        rows = managed(self.request, Invitation.objects.select_related("tenant", "created_by"))
        state = one_of(self.request, "state", arriving.INVITATION_STATES)
        return arriving.invitations(rows, text=text_of(self.request, "q"), state=state)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One of them."""
        found = self._find(pk)
        scoping.require(viewer_of(request), MANAGE_MEMBERS, found.tenant)
        return Response(s.InvitationSerializer(found).data)

    @extend_schema(request=s.NewInvitationSerializer, responses={201: s.SentInvitationSerializer})
    def create(self, request: Request) -> Response:
        """Invite an address. The secret of the link is in this answer alone; the link is also sent by mail."""
        given, viewer = body_of(request, s.NewInvitationSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given["tenant"])
        require_may_give(viewer, tenant, given["role"])
        sent = verbs.invite(tenant=tenant, email=given["email"], role=given["role"], by=viewer)
        return Response(s.sent(sent), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=s.SentInvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: Any) -> Response:
        """Send a new link. The earlier one opens nothing any more."""
        return Response(s.sent(verbs.resend(invitation=self._mine_to_change(pk), by=viewer_of(request))))

    @extend_schema(request=None, responses=s.InvitationSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: Any) -> Response:
        """Take it back."""
        ended = verbs.withdraw(invitation=self._mine_to_change(pk), by=viewer_of(request))
        return Response(s.InvitationSerializer(ended).data)

    def _find(self, pk: Any) -> Invitation:
        viewer = viewer_of(self.request)
        rows = scoping.visible(viewer, Invitation.objects.select_related("tenant", "created_by"))
        found = rows.filter(pk=uuid_of(str(pk), "invitation")).first()
        if found is None:
            raise Missing("There is no such invitation, or it belongs to another tenant.")
        return found

    def _mine_to_change(self, pk: Any) -> Invitation:
        found = self._find(pk)
        require_may_give(viewer_of(self.request), found.tenant, found.role)
        return found


class MyInvitationViewSet(viewsets.ViewSet):
    """What you are invited to, by the addresses that are surely yours."""

    lookup_value_converter = "uuid"

    @extend_schema(operation_id="my_invitations_list", responses=s.MyInvitationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The invitations that you can answer now."""
        return Response(s.MyInvitationSerializer(verbs.waiting_for(viewer_of(request)), many=True).data)

    @extend_schema(request=None, responses=MembershipSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: Any) -> Response:
        """Become a member."""
        made = verbs.accept(invitation=self._own(pk), by=viewer_of(request))
        rows = Membership.objects.select_related("tenant", "user", "created_by")
        return Response(MembershipSerializer(rows.get(pk=made.pk)).data)

    @extend_schema(request=None, responses=s.MyInvitationSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Answer no."""
        declined = verbs.decline(invitation=self._own(pk), by=viewer_of(request))
        return Response(s.MyInvitationSerializer(declined).data)

    def _own(self, pk: Any) -> Invitation:
        return verbs.find_own(viewer_of(self.request), uuid_of(str(pk), "invitation"))
