"""One's own sessions on the API."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import sessions
from tenants.api.reading import viewer_of


class SignedInSessionSerializer(serializers.ModelSerializer[UserSession]):
    address = serializers.CharField(source="ip", read_only=True)
    browser = serializers.CharField(source="user_agent", read_only=True)
    is_current = serializers.SerializerMethodField(help_text="The one that asks; none for a token.")

    class Meta:
        model = UserSession
        fields = ["id", "created_at", "last_seen_at", "address", "browser", "is_current"]

    def get_is_current(self, session: UserSession) -> bool:
        return session.session_key == self.context.get("session_key")


class EndedSerializer(serializers.Serializer[Any]):
    ended = serializers.IntegerField()


class SessionViewSet(viewsets.ViewSet):
    """Where you are signed in."""

    lookup_value_converter = "int"

    @extend_schema(operation_id="my_sessions_list", responses=SignedInSessionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Your sessions, the one seen last first."""
        rows = sessions.of(viewer_of(request))
        return Response(SignedInSessionSerializer(rows, many=True, context={"session_key": _key(request)}).data)

    @extend_schema(request=None, responses=EndedSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: Any) -> Response:
        """Sign out there."""
        viewer = viewer_of(request)
        return Response({"ended": sessions.end(sessions=[sessions.find(viewer, pk)], by=viewer)})

    @extend_schema(operation_id="my_sessions_end_others", request=None, responses=EndedSerializer)
    @action(detail=False, methods=["post"], url_path="end-others")
    def end_others(self, request: Request) -> Response:
        """Sign out everywhere but here; with a token, everywhere."""
        viewer = viewer_of(request)
        others = [each for each in sessions.of(viewer) if each.session_key != _key(request)]
        return Response({"ended": sessions.end(sessions=others, by=viewer)})


def _key(request: Request) -> str | None:
    return request.session.session_key if request.auth is None else None
