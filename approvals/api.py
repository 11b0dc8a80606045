"""What this room offers on the control-plane API: requests with their verbs, decisions, boards and policies.

What a request is about is asked for where that lives: `access` offers access and onboarding requests.
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework import request as http
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from approvals import rule_lists
from approvals import serializers as s
from approvals.attachments.api import DocumentActions
from approvals.boards import change_board, create_board, remove_board, seat, unseat
from approvals.commenting import comment
from approvals.delegation.api import DelegationViewSet
from approvals.documents import document_of
from approvals.durations import by_week
from approvals.evidence.api import EvidenceActions
from approvals.listing import SORTS, Asked, before, find, turn_of, with_reviews
from approvals.models import Board, Policy, Request, Review
from approvals.next_step import may_vote
from approvals.policies import slug_of
from approvals.policy_changes import put
from approvals.policy_documents import stated, written_in_force
from approvals.policy_trial import tried
from approvals.rule_lists import find_boards, find_policies
from approvals.scoping import find_request
from approvals.sealing.api import DecisionVerificationViewSet, DecisionViewSet
from approvals.sending import change, send
from approvals.states import State
from approvals.subjects import kinds
from approvals.suspending import resume, suspend
from approvals.voting import vote
from approvals.withdraw import withdraw
from refusals.errors import Forbidden, Invalid, Missing
from tenants.api.bodies import body_of
from tenants.api.reading import flag_of, one_of, text_of, viewer_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.finding import person
from tenants.models import User

MANAGE = "approvals.manage_policies"


class ByNumber(SortedPaging):
    """The newest request first."""

    ordering = "-number"


class ReadersRead(BasePermission):
    """Who sees every request reads boards and policies; who may change policies changes them."""

    def has_permission(self, request: http.Request, view: Any) -> bool:
        manages = viewer_of(request).has_perm(MANAGE)
        reads = request.method in ("GET", "HEAD", "OPTIONS") and viewer_of(request).has_perm("approvals.view_request")
        if not (manages or reads):
            raise Forbidden(
                "This needs the permission “Change the policies of governance”. The platform team holds it.",
                permission=MANAGE,
            )
        return True


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="A number, or words of title, reason or requester."),
            OpenApiParameter("state", str, enum=State.values),
            OpenApiParameter("kind", str, description="A kind of subject: access, onboarding."),
            OpenApiParameter("tenant", str, description="A tenant's slug."),
            OpenApiParameter("board", str, description="A board's slug."),
            OpenApiParameter("whose", str, enum=["mine"]),
            OpenApiParameter("waiting_for_me", bool, description="True: those in which you may vote now."),
            sort_parameter(SORTS),
        ]
    )
)
class RequestViewSet(EvidenceActions, DocumentActions, mixins.ListModelMixin, viewsets.GenericViewSet[Request]):
    """Requests: your own, those of your tenants, and those that your boards review."""

    queryset = Request.objects.none()
    serializer_class = s.RequestSerializer
    pagination_class = ByNumber
    sorts = SORTS
    filter_backends: list[Any] = []
    lookup_field = "number"
    lookup_value_converter = "int"

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "viewer": self.request.user}

    def get_queryset(self) -> QuerySet[Request]:
        if getattr(self, "swagger_fake_view", False):
            return Request.objects.none()
        viewer = viewer_of(self.request)
        one_of(self.request, "state", State.values)
        one_of(self.request, "kind", [kind.slug for kind in kinds()])
        one_of(self.request, "whose", ["mine"])
        if flag_of(self.request, "waiting_for_me"):
            return with_reviews(turn_of(viewer))
        return find(viewer, Asked.read(self.request.query_params))

    @extend_schema(responses=s.RequestDetailSerializer)
    def retrieve(self, request: http.Request, number: int) -> Response:
        """A request with its reviews, the conversation and the evidence."""
        return self._answer(request, number)

    @extend_schema(request=s.CastVoteSerializer, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def vote(self, request: http.Request, number: int) -> Response:
        """Approve, refuse or send back in the stage that is open. A vote is final, and nobody's on their own."""
        viewer = viewer_of(request)
        reviews = Review.objects.filter(request=find_request(viewer, number)).select_related("board", "request__tenant")
        given = body_of(request, s.CastVoteSerializer)
        found = reviews.filter(pk=given["review"]).first() if "review" in given else _stage(reviews, viewer)
        if found is None:
            raise Missing("There is no such review of this request.")
        said, conditions = given["verdict"], given.get("conditions")
        vote(
            review=found,
            verdict=said,
            comment=given["comment"],
            conditions=conditions,
            checked=given.get("checked", ()),
            by=viewer,
        )
        return self._answer(request, number)

    @extend_schema(request=s.CommentSerializer, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: http.Request, number: int) -> Response:
        """Say something in the conversation."""
        found = find_request(viewer_of(request), number)
        comment(request=found, text=body_of(request, s.CommentSerializer)["text"], by=viewer_of(request))
        return self._answer(request, number)

    @extend_schema(request=s.ChangeRequestSerializer, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: http.Request, number: int) -> Response:
        """Change what one asks for: in a draft, or after it was sent back."""
        found, given = find_request(viewer_of(request), number), body_of(request, s.ChangeRequestSerializer)
        reason = given.get("reason", found.reason)
        change(request=found, reason=reason, facts=given.get("facts"), by=viewer_of(request))
        return self._answer(request, number)

    @extend_schema(request=None, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def send(self, request: http.Request, number: int) -> Response:
        """Send one's own draft, or once more what was sent back: in a new round, under the policy in force."""
        send(request=find_request(viewer_of(request), number), by=viewer_of(request))
        return self._answer(request, number)

    @extend_schema(request=s.SuspensionSerializer, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: http.Request, number: int) -> Response:
        """Take back for a time what an approval gave. Needs “Change the policies of governance”."""
        found, given = find_request(viewer_of(request), number), body_of(request, s.SuspensionSerializer)
        suspend(request=found, reason=given["reason"], by=viewer_of(request))
        return self._answer(request, number)

    @extend_schema(request=s.SuspensionSerializer, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: http.Request, number: int) -> Response:
        """Give again what a suspended approval gave. Needs “Change the policies of governance”."""
        found, given = find_request(viewer_of(request), number), body_of(request, s.SuspensionSerializer)
        resume(request=found, reason=given["reason"], by=viewer_of(request))
        return self._answer(request, number)

    @extend_schema(request=None, responses=s.RequestDetailSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: http.Request, number: int) -> Response:
        """Withdraw one's own request; a draft is thrown away so. One that was sent back also who decides for its tenant
        withdraws, and who may “Change the policies of governance”."""
        withdraw(request=find_request(viewer_of(request), number), by=viewer_of(request))
        return self._answer(request, number)

    @extend_schema(responses=s.WeekSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def durations(self, request: http.Request) -> Response:
        """How long decisions took, by the week of the decision: of your boards, or of all where you see every one."""
        return Response(s.WeekSerializer(by_week(before(viewer_of(request))), many=True).data)

    def _answer(self, request: http.Request, number: int) -> Response:
        return Response(document_of(number, viewer_of(request)))


def _stage(reviews: QuerySet[Review], viewer: User) -> Review | None:
    """The stage in which `viewer` may vote; else one that is open or was, whose refusal tells them why not."""
    known = list(reviews.prefetch_related("votes", "board__seats"))
    theirs = [review for review in known if may_vote(review, viewer)]
    still = [review for review in known if review.outcome == Review.Outcome.OPEN]
    return next(iter([*theirs, *still, *known]), None)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words to look for."),
            sort_parameter(rule_lists.BOARD_SORTS),
        ]
    )
)
class BoardViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Board]):
    """Boards and who sits on them."""

    queryset = Board.objects.prefetch_related("seats__user")
    serializer_class = s.BoardSerializer
    pagination_class = SortedPaging
    sorts = rule_lists.BOARD_SORTS
    permission_classes = [IsAuthenticated, ReadersRead]
    filter_backends: list[Any] = []
    lookup_field = "slug"
    lookup_value_converter = "slug"

    def get_queryset(self) -> QuerySet[Board]:
        return find_boards(rule_lists.Asked(text_of(self.request, "q")))[0]

    @extend_schema(request=s.NewBoardSerializer, responses={201: s.BoardSerializer})
    def create(self, request: http.Request) -> Response:
        """Create a board without members."""
        made = create_board(**body_of(request, s.NewBoardSerializer), by=viewer_of(request))
        return Response(s.BoardSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=s.BoardWordsSerializer, responses=s.BoardSerializer)
    def partial_update(self, request: http.Request, slug: str) -> Response:
        """Give the board another name or purpose."""
        found = self.get_object()
        given = {"name": found.name, "purpose": found.purpose} | body_of(request, s.BoardWordsSerializer)
        change_board(board=found, **given, by=viewer_of(request))
        return Response(s.BoardSerializer(self.get_object()).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: http.Request, slug: str) -> Response:
        """Remove a board that no policy names and that never decided."""
        remove_board(board=self.get_object(), by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=s.SeatSerializer, responses=s.BoardSerializer)
    @action(detail=True, methods=["post"])
    def seat(self, request: http.Request, slug: str) -> Response:
        """Seat a person."""
        seat(board=self.get_object(), user=_person(request), by=viewer_of(request))
        return Response(s.BoardSerializer(self.get_object()).data)

    @extend_schema(request=s.SeatSerializer, responses=s.BoardSerializer)
    @action(detail=True, methods=["post"])
    def unseat(self, request: http.Request, slug: str) -> Response:
        """Take a seat away; votes that were cast stay."""
        unseat(board=self.get_object(), user=_person(request), by=viewer_of(request))
        return Response(s.BoardSerializer(self.get_object()).data)


def _person(request: http.Request) -> User:
    named = body_of(request, s.SeatSerializer)["person"].replace("\x00", "")
    found = person(named)
    if found is None:
        raise Invalid(f"There is no active person called “{named}”.", field="person")
    return found


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words to look for."),
            OpenApiParameter("in_force", bool),
            OpenApiParameter("kind", str, description="A kind of subject, as `access`."),
            OpenApiParameter("board", str, description="The slug of a board that decides."),
            sort_parameter(rule_lists.POLICY_SORTS),
        ]
    )
)
class PolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Policy]):
    """Policies: which boards decide on what. A change is a new version."""

    queryset = Policy.objects.all()
    serializer_class = s.PolicySerializer
    pagination_class = SortedPaging
    sorts = rule_lists.POLICY_SORTS
    permission_classes = [IsAuthenticated, ReadersRead]
    filter_backends: list[Any] = []
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Policy]:
        if self.action != "list":
            return Policy.objects.all()
        in_force = flag_of(self.request, "in_force")
        show = "all" if in_force is None else "in_force" if in_force else "earlier"
        kind = one_of(self.request, "kind", [each.slug for each in kinds()])
        text, board = text_of(self.request, "q"), text_of(self.request, "board")
        return find_policies(rule_lists.Asked(text, kind, board, show))[0]

    @extend_schema(request=s.NewPolicySerializer, responses={201: s.PolicySerializer, 202: s.RequestDetailSerializer})
    def create(self, request: http.Request) -> Response:
        """Put a new version in force, 201; or, where somebody else has to approve it, ask for it, 202."""
        given = body_of(request, s.NewPolicySerializer)
        slug = given["slug"] or slug_of(given["subject_kind"], given["environment_kind"])
        plain = json.loads(json.dumps(given | {"slug": slug, "effective_from": None}))
        text = stated(**plain | {"effective_from": given["effective_from"]})
        done = put(text, reason=given["sentence"], by=viewer_of(request))
        if isinstance(done, Request):
            return Response(document_of(done.number, viewer_of(request)), status=status.HTTP_202_ACCEPTED)
        made = Policy.objects.filter(slug=slug).order_by("version").last()
        return Response(s.PolicySerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={200: s.PolicyDocumentSerializer}, methods=["GET"], filters=False)
    @extend_schema(
        request=s.NewPolicyDocumentSerializer,
        responses={200: s.PolicyChangeSerializer(many=True), 202: s.RequestDetailSerializer},
        methods=["POST"],
        filters=False,
    )
    @action(detail=False, methods=["get", "post"], pagination_class=None)
    def document(self, request: http.Request) -> Response:
        """Every policy in force as YAML; or put in force what such a document changes, all of it or nothing, 200; or,
        where somebody else has to approve it, ask for it with a `reason`, 202."""
        if request.method == "GET":
            return Response(s.PolicyDocumentSerializer({"document": written_in_force()}).data)
        given = body_of(request, s.NewPolicyDocumentSerializer)
        done = put(given["document"], reason=given["reason"], by=viewer_of(request))
        if isinstance(done, Request):
            return Response(document_of(done.number, viewer_of(request)), status=status.HTTP_202_ACCEPTED)
        return Response(s.PolicyChangeSerializer(done, many=True).data)

    @extend_schema(request=s.NewPolicyDocumentSerializer, responses={200: s.TrialSerializer})
    @action(detail=False, methods=["post"], pagination_class=None)
    def trial(self, request: http.Request) -> Response:
        """Try such a document on the requests of the last year; nothing is kept."""
        text = body_of(request, s.NewPolicyDocumentSerializer)["document"]
        return Response(s.TrialSerializer(tried(text, by=viewer_of(request))).data)


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("requests", RequestViewSet, basename="request")
    router.register("decisions", DecisionViewSet, basename="decision")
    router.register("decision-verifications", DecisionVerificationViewSet, basename="decision-verification")
    router.register("boards", BoardViewSet, basename="board")
    router.register("policies", PolicyViewSet, basename="policy")
    router.register("delegations", DelegationViewSet, basename="delegation")
