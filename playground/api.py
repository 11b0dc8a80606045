"""What this room offers on the control-plane API: sessions, runs that come back finished, votes.

Streaming is what `/v1/chat/completions` does; a run here answers once all its columns have.
"""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from django.db.models.functions import Lower
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from playground import keeping
from playground.asking import Plan, Prompt, ask, ask_again, begin_session, check_columns
from playground.columns import from_api, from_kept
from playground.finding import containing, find_own, find_readable
from playground.models import Answer, Session, Turn
from playground.offering import usable_environment
from playground.recovery import interrupt_the_silent
from playground.running import caller_of, run_to_the_end
from playground.sent_api import PromptViewSet
from playground.serializing import (
    AgainSerializer,
    ChangedSessionSerializer,
    NewSessionSerializer,
    PromptSerializer,
    SessionSerializer,
    StopSerializer,
    VoteSerializer,
    feedback_document,
    turn_document,
)
from playground.sessions_page import SORTS, WHOSE, of
from playground.stopping import ask_to_stop
from playground.voting import vote
from refusals.errors import Missing
from tenants.api.bodies import body_of
from tenants.api.reading import one_of, text_of
from tenants.api.sorting import SortedPaging, sort_parameter
from tenants.models import User
from ui.connections import give_back


class ByLastUse(SortedPaging):
    """The session used last first, or in an order of the page's."""

    ordering = ("-updated_at", "-id")


@extend_schema(tags=["playground"])
class SessionViewSet(viewsets.GenericViewSet[Session]):
    """Playground sessions: one's own, and those shared in one's tenants to read."""

    serializer_class = SessionSerializer
    pagination_class = ByLastUse
    sorts = SORTS
    lookup_value_converter = "uuid"
    queryset = Session.objects.none()
    reaches_outside = ("runs", "again")  # models are called

    def get_queryset(self) -> QuerySet[Session]:
        whose = one_of(self.request, "whose", WHOSE)
        found = containing(of(self._user, whose), text_of(self.request, "q")).annotate(lower_name=Lower("name"))
        return found.select_related("tenant", "environment__tenant", "environment__project", "owner")

    @property
    def _user(self) -> User:
        assert isinstance(self.request.user, User)  # noqa: S101  (the API admits nobody else)
        return self.request.user

    @extend_schema(
        parameters=[
            OpenApiParameter("q", OpenApiTypes.STR, description="words in the name, a prompt or an answer"),
            OpenApiParameter("whose", str, enum=list(WHOSE), description="those of others are `shared` with you"),
            sort_parameter(SORTS),
        ]
    )
    def list(self, request: Request) -> Response:
        """Sessions, last used first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(SessionSerializer(page, many=True).data)

    @extend_schema(request=NewSessionSerializer, responses={201: SessionSerializer})
    def create(self, request: Request) -> Response:
        """Begin a session."""
        given = body_of(request, NewSessionSerializer)
        environment = usable_environment(self._user, given["environment"])
        columns = from_api(given["columns"])
        check_columns(columns)
        session = begin_session(environment=environment, columns=columns, is_blind=given["is_blind"], by=self._user)
        if given.get("name"):
            session = keeping.rename(session=session, name=given["name"], by=self._user)
        return Response(SessionSerializer(session).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """A session with its turns and every attempt at them."""
        session = find_readable(self._user, pk)
        interrupt_the_silent(Answer.objects.filter(turn__session=session))
        turns = session.turns.prefetch_related("answers")
        said = [turn_document(turn, session) for turn in turns]
        return Response({**SessionSerializer(session).data, "turns": said})

    @extend_schema(request=ChangedSessionSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Rename, pin, share or arrange a session: its columns and the environment that its calls count for."""
        session, given = find_own(self._user, pk), body_of(request, ChangedSessionSerializer)
        if "columns" in given or "environment" in given:
            environment = usable_environment(self._user, given.get("environment", session.environment.path))
            columns = from_api(given["columns"]) if "columns" in given else from_kept(session.columns)
            check_columns(columns)
            keeping.arrange(session=session, environment=environment, columns=columns)
        if "name" in given:
            session = keeping.rename(session=session, name=given["name"], by=self._user)
        if "is_pinned" in given:
            session = keeping.pin(session=session, is_pinned=given["is_pinned"], by=self._user)
        if "is_shared" in given:
            session = keeping.share(session=session, is_shared=given["is_shared"], by=self._user)
        return Response(SessionSerializer(find_own(self._user, session.pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a session with what was said in it; its calls stay in the ledger."""
        keeping.delete(session=find_own(self._user, pk), by=self._user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=PromptSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def runs(self, request: Request, pk: UUID) -> Response:
        """Send a prompt to every column and wait for the answers."""
        session, given = find_own(self._user, pk), body_of(request, PromptSerializer)
        plan = ask(
            session=session,
            environment=usable_environment(self._user, session.environment.path),
            columns=from_kept(session.columns),
            prompt=Prompt(given["prompt"], given.get("variables") or {}),
            by=self._user,
        )
        return self._run(plan, session)

    @extend_schema(request=AgainSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def again(self, request: Request, pk: UUID) -> Response:
        """Let one column answer the last prompt once more."""
        session, key = find_own(self._user, pk), body_of(request, AgainSerializer)["column"]
        usable_environment(self._user, session.environment.path)
        column = next((column for column in from_kept(session.columns) if column.key == key), None)
        if column is None:
            raise Missing("There is no such column in this session.")
        return self._run(ask_again(session=session, column=column), session)

    def _run(self, plan: Plan, session: Session) -> Response:
        give_back()
        async_to_sync(run_to_the_end)(plan, caller_of(session.environment, self._user))
        turn = Turn.objects.prefetch_related("answers").get(pk=plan.turn.pk)
        said = turn_document(turn, find_own(self._user, session.pk))
        return Response(said, status=status.HTTP_201_CREATED)

    @extend_schema(request=StopSerializer, responses={202: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: UUID) -> Response:
        """Stop the answers that are being written: within about a second they end and keep what arrived."""
        asked = ask_to_stop(find_own(self._user, pk), body_of(request, StopSerializer).get("answer"))
        return Response({"stopping": asked}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=VoteSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def votes(self, request: Request, pk: UUID) -> Response:
        """Vote for an answer of a turn; of a blind session this shows the names."""
        session, given = find_own(self._user, pk), body_of(request, VoteSerializer)
        turn = session.turns.filter(pk=given["turn"]).first()
        if turn is None:
            raise Missing("There is no such turn in this session.")
        kept = vote(turn=turn, winner=given["winner"], comment=given.get("comment", ""), by=self._user)
        return Response(feedback_document(kept), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def reveal(self, request: Request, pk: UUID) -> Response:
        """Show the names of a blind session without a vote."""
        keeping.reveal(session=find_own(self._user, pk), by=self._user)
        return Response(SessionSerializer(find_own(self._user, pk)).data)


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    router.register("playground/sessions", SessionViewSet, basename="playground-session")
    router.register("models", PromptViewSet, basename="model-prompt")
