"""Coming into a tenant in numbers and by asking: lists of invitations, and requests to join."""

from __future__ import annotations

from dataclasses import asdict
from io import StringIO
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from refusals.errors import Missing
from tenants import arriving, invite_many, join, scoping
from tenants.api.arriving import managed, require_may_give
from tenants.api.bodies import Body, body_of
from tenants.api.reading import one_of, text_of, uuid_of, viewer_of
from tenants.api.serializers import MembershipSerializer
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.api.structure import TENANT, WORDS
from tenants.arrivals import InvitationBatch, JoinRequest
from tenants.delegation import MANAGE_MEMBERS
from tenants.invitation_list import MOST_BYTES, PROBLEMS
from tenants.models import Membership


class RowSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    email = serializers.CharField()
    role = serializers.CharField()
    outcome = serializers.CharField(help_text=f"`invite`, `again`, or what is wrong: {', '.join(PROBLEMS)}")
    note = serializers.CharField()


class ListSerializer(serializers.ModelSerializer[InvitationBatch]):
    tenant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    will_be_invited = serializers.IntegerField(source="total", read_only=True)
    rows = serializers.SerializerMethodField(help_text="The lines with what would happen, until it is confirmed.")

    class Meta:
        model = InvitationBatch
        fields = [
            "id", "tenant", "state", "will_be_invited", "left_out", "dealt", "done", "undelivered", "error", "rows",
            "created_at", "finished_at",
        ]  # fmt: skip

    @extend_schema_field(RowSerializer(many=True))
    def get_rows(self, batch: InvitationBatch) -> list[dict[str, Any]]:
        return [asdict(row) for row in invite_many.rows_of(batch)]  # without a serializer each: there may be 50,000


class NewListSerializer(Body):
    tenant = serializers.CharField(max_length=40, help_text="A tenant's slug.")
    csv = serializers.CharField(max_length=MOST_BYTES, trim_whitespace=False, help_text="A line each: `address,role`")
    role = serializers.CharField(max_length=20, required=False, default="", allow_blank=True,
                                 help_text="For lines that name none.")  # fmt: skip
    dry_run = serializers.BooleanField(
        required=False, default=True, help_text="`false` invites at once who can be and leaves the rest out."
    )


class InvitationListViewSet(viewsets.ViewSet):
    """Many invitations at once. A list is checked first; nobody is invited before it is confirmed.

    A worker does what takes long. An answer 202 names the list's address in `Location`; its `state` is `reading`, then
    `planned` until it is confirmed, `inviting` and `running` (mails leave), and `done`, or `cancelled`.
    """

    lookup_value_converter = "uuid"

    @extend_schema(request=NewListSerializer, responses={202: ListSerializer})
    def create(self, request: Request) -> Response:
        """Let a list be checked, line by line."""
        given, viewer = body_of(request, NewListSerializer), viewer_of(request)
        tenant = scoping.find_tenant(viewer, given["tenant"], MANAGE_MEMBERS)
        lines = StringIO(given["csv"], newline="")
        made = invite_many.plan(
            tenant=tenant, lines=lines, default_role=given["role"], by=viewer, is_confirmed=not given["dry_run"]
        )
        return self._taken(made)

    @extend_schema(responses=ListSerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        """One list, and how far its sending is."""
        return Response(ListSerializer(self._find(pk)).data)

    @extend_schema(request=None, responses={202: ListSerializer})
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: Any) -> Response:
        """Let everybody of the list be invited who can be."""
        return self._taken(invite_many.confirm(batch=self._find(pk), by=viewer_of(request)))

    @extend_schema(request=None, responses=ListSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Forget the list, or stop sending."""
        return Response(ListSerializer(invite_many.cancel(batch=self._find(pk), by=viewer_of(request))).data)

    def _taken(self, batch: InvitationBatch) -> Response:
        """202, with the address at which to see how far it is."""
        at = reverse("invitation-list-detail", args=[batch.pk], request=self.request)
        return Response(ListSerializer(batch).data, status=status.HTTP_202_ACCEPTED, headers={"Location": at})

    def _find(self, pk: Any) -> InvitationBatch:
        viewer = viewer_of(self.request)
        rows = scoping.visible(viewer, InvitationBatch.objects.select_related("tenant").defer("rows"))
        found = rows.filter(pk=uuid_of(str(pk), "list")).first()
        if found is None:
            raise Missing("There is no such list, or it belongs to another tenant.")
        scoping.require(viewer, MANAGE_MEMBERS, found.tenant)
        return found


class JoinRequestSerializer(serializers.ModelSerializer[JoinRequest]):
    tenant = serializers.CharField(source="asked_for", read_only=True)
    person = serializers.CharField(source="user.username", read_only=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = JoinRequest
        fields = ["id", "tenant", "person", "sentence", "state", "role", "reason", "created_at"]


class AskSerializer(Body):
    tenant = serializers.CharField(max_length=100, help_text="The short name of the team.")
    sentence = serializers.CharField(max_length=500)


class AdmitSerializer(Body):
    role = serializers.CharField(max_length=20)


class DeclineSerializer(Body):
    reason = serializers.CharField(max_length=500, help_text="They read it.")


@extend_schema_view(
    list=extend_schema(
        parameters=[
            TENANT,
            WORDS,
            OpenApiParameter("state", str, enum=list(arriving.JOIN_STATES)),
            sort_parameter(arriving.JOIN_SORTS),
        ]
    )
)
class JoinRequestViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[JoinRequest]):
    """Who asks to be let into the tenants whose members you manage; and asking for oneself."""

    queryset = JoinRequest.objects.none()
    serializer_class = JoinRequestSerializer
    pagination_class = SortedPaging
    sorts = arriving.JOIN_SORTS
    filter_backends: list[Any] = []
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[JoinRequest]:
        rows = managed(self.request, JoinRequest.objects.exclude(tenant=None).select_related("user"))
        state = one_of(self.request, "state", arriving.JOIN_STATES)
        return arriving.join_requests(rows, text=text_of(self.request, "q"), state=state)

    @extend_schema(request=AskSerializer, responses={201: JoinRequestSerializer})
    def create(self, request: Request) -> Response:
        """Ask to be let in. The answer is the same whether there is such a team or not."""
        given = body_of(request, AskSerializer)
        made = join.ask(slug=given["tenant"], sentence=given["sentence"], by=viewer_of(request))
        return Response(JoinRequestSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=JoinRequestSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def mine(self, request: Request) -> Response:
        """What you asked, newest first."""
        return Response(JoinRequestSerializer(join.of(viewer_of(request)), many=True).data)

    @extend_schema(request=AdmitSerializer, responses=MembershipSerializer)
    @action(detail=True, methods=["post"])
    def admit(self, request: Request, pk: Any) -> Response:
        """Let them in."""
        asked, viewer = self._find(pk), viewer_of(request)
        role = body_of(request, AdmitSerializer)["role"]
        require_may_give(viewer, asked.tenant, role)  # type: ignore[arg-type]  # found within a tenant
        made = join.admit(asked=asked, role=role, by=viewer)
        rows = Membership.objects.select_related("tenant", "user", "created_by")
        return Response(MembershipSerializer(rows.get(pk=made.pk)).data)

    @extend_schema(request=DeclineSerializer, responses=JoinRequestSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Do not let them in, and say why."""
        asked, reason = self._find(pk), body_of(request, DeclineSerializer)["reason"]
        ended = join.decline(asked=asked, reason=reason, by=viewer_of(request))
        return Response(JoinRequestSerializer(ended).data)

    @extend_schema(request=None, responses=JoinRequestSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: Any) -> Response:
        """Take one's own question back."""
        ended = join.withdraw(key=uuid_of(str(pk), "question"), by=viewer_of(request))
        return Response(JoinRequestSerializer(ended).data)

    def _find(self, pk: Any) -> JoinRequest:
        viewer = viewer_of(self.request)
        rows = scoping.visible(viewer, JoinRequest.objects.exclude(tenant=None).select_related("tenant", "user"))
        found = rows.filter(pk=uuid_of(str(pk), "question")).first()
        if found is None or found.tenant is None:
            raise Missing("Nobody asked this, or it was asked of another tenant.")
        scoping.require(viewer, MANAGE_MEMBERS, found.tenant)
        return found
