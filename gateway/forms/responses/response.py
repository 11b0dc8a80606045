"""The object `response`: what was asked for, how far it is, what came of it, and what it used."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.asked import Asked, InvalidRequest
from gateway.forms.responses.output import new_id

type Told = dict[str, Any]

TEXT = {"format": {"type": "text"}}
# What a response repeats of its request, with what holds where nothing was said; None: the provider's own default.
REPEATED: dict[str, Any] = {
    "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "metadata": {},
    "parallel_tool_calls": True, "prompt_cache_key": None, "safety_identifier": None, "service_tier": None,
    "temperature": None, "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": None, "truncation": "disabled",
    "user": None,
}  # fmt: skip
# Why one is not whole, by the finish reason of a chat.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def check_repeated(body: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a request that no response could repeat."""
    try:
        # As deep as in an event, or deeper.
        orjson.dumps([[[{name: body.get(name) for name in (*REPEATED, "reasoning", "text")}]]])
    except orjson.JSONEncodeError as error:  # it reads deeper than it writes
        raise InvalidRequest("The request is nested too deep. Nothing takes more than 250 levels.") from error


class Response:
    """One response of ours. `stored_as` is the name that it is stored under; without one it is not, whatever was
    asked, and says so."""

    def __init__(self, asked: Asked) -> None:
        self._body, self._model = asked.body, asked.model
        self._id, self._created_at = new_id("resp"), int(time.time())
        self.previous: str | None = asked.own.get("previous_response_id") or None
        self.stored_as = ""

    @property
    def is_as_its_provider_tells(self) -> bool:
        """Whether a provider of this form tells it as it is here: it knows of nothing that is stored here."""
        return not self.stored_as and self.previous is None

    def ours(self, told: Told) -> Told:
        """What a provider of this form tells of it, as it is here."""
        named: Told = {"id": self.stored_as} if self.stored_as else {}
        return told | named | {"store": bool(self.stored_as), "previous_response_id": self.previous}

    def told(self, status: str, output: list[Told], *, model: Any = "", **more: Any) -> Told:
        """It as it is now: `more` is what has come to be known of it."""
        given = self._body
        repeated = {name: usual if given.get(name) is None else given[name] for name, usual in REPEATED.items()}
        return {
            "id": self.stored_as or self._id,
            "object": "response",
            "created_at": self._created_at,
            "status": status,
            "background": False,
            "completed_at": int(time.time()) if status == "completed" else None,
            "error": None,
            "incomplete_details": None,
            "model": model if isinstance(model, str) and model else self._model,
            "output": output,
            "previous_response_id": self.previous,
            "reasoning": {"effort": None, "summary": None} | (given.get("reasoning") or {}),
            "store": bool(self.stored_as),
            "text": TEXT | (given.get("text") or {}),
            "usage": None,
            **repeated,
            **more,
        }


def ended_as(finish_reason: str) -> tuple[str, Told]:
    """The status of a response whose answer ended for `finish_reason`, and what is to be told with it."""
    reason = INCOMPLETE.get(finish_reason)
    return ("incomplete", {"incomplete_details": {"reason": reason}}) if reason else ("completed", {})


def usage_of(counted: Mapping[str, Any] | None, written: Any) -> Told | None:
    """What was used, as the ledger has it; `written` are the tokens that a provider kept for later calls."""
    if counted is None:
        return None
    written = written if type(written) is int else 0
    return {
        "input_tokens": counted["prompt_tokens"],
        "input_tokens_details": {**counted["prompt_tokens_details"], "cache_write_tokens": written},
        "output_tokens": counted["completion_tokens"],
        "output_tokens_details": counted["completion_tokens_details"],
        "total_tokens": counted["total_tokens"],
    }
