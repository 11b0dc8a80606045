"""The live tail for programs: one look a question, which goes on where the last one ended. Nothing waits in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rest_framework import serializers

from refusals.errors import Invalid
from tenants.models import User
from usage.tail.lines import as_values, lines_of
from usage.tail.looking import look, wanted

EVERY_S = 1.0


class AfterNotUnderstood(Invalid):
    code = "after_not_understood"


class TailedCallSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.CharField(help_text="`running`, `completed`, `failed`, `cancelled` or `interrupted`")
    what = serializers.CharField(help_text="It in words; of one under way what it does.")
    started_at = serializers.DateTimeField()
    project = serializers.CharField()
    environment = serializers.CharField()
    route = serializers.CharField()
    by = serializers.CharField(help_text="The person, or the key's name.")
    origin = serializers.CharField()
    provider = serializers.CharField()
    attempts = serializers.IntegerField(allow_null=True)
    fell_back = serializers.BooleanField(allow_null=True)
    waited_ms = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True, help_text="null, as what follows, until it has ended")
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    cost = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    error_code = serializers.CharField()


class TailSerializer(serializers.Serializer[Any]):
    after = serializers.DateTimeField(help_text="To be sent with the next question.")
    ask_again_in_s = serializers.FloatField()
    is_whole = serializers.BooleanField(help_text="Begun anew: the last calls, and not what is new.")
    is_cut = serializers.BooleanField(help_text="Some ended since “after” that are not told.")
    calls = TailedCallSerializer(many=True, help_text="The last one that started first; one may be told twice.")


def tail(query: Any, viewer: User) -> dict[str, Any]:
    """The answer to a question of `viewer`. Raises what `look` and `wanted` do, and `AfterNotUnderstood`."""
    slug = query.get("tenant", "")
    found = look(viewer, wanted(query, viewer, slug), _moment(query.get("after", "")))
    return {
        "after": found.at.isoformat(),
        "ask_again_in_s": EVERY_S,
        "is_whole": found.is_whole,
        "is_cut": found.is_cut,
        "calls": [as_values(line) for line in lines_of(found)],
    }


def _moment(told: str) -> dt.datetime | None:
    if not told:
        return None
    try:
        moment = dt.datetime.fromisoformat(told.replace(" ", "+"))  # a plus sign that was not escaped
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise AfterNotUnderstood("Send as “after” what the last answer told, or nothing.", field="after")
    return moment
