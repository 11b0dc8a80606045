"""What a request may not name, leave or start at a provider: the account there is every tenant's, and what it runs at a
price of its own is in no price that a call is charged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.asked import InvalidRequest

NAMES = (
    "file_id",
    "file_ids",
    "container_id",
    "vector_store_ids",
    "cached_content",
)  # of what lies in an account, wherever they stand
INDEXES = ("data_sources",)  # Azure's: any that its resource may read
RUN_THERE = ("web_search_options", "search_parameters", "plugins")  # OpenAI's, xAI's, OpenRouter's
OTHER_MODELS = ("models", "preset")  # OpenRouter's: what it asks instead of the model that was granted
DEARER = ("speed", "inference_geo", "audio", "compaction")
TIERS = ("auto", "default", "standard_only", "flex")
_LOOKED_AT = frozenset((
    *INDEXES, *RUN_THERE, *OTHER_MODELS, *DEARER, "extra_body", "service_tier", "modalities", "n_cmpl",
    "context_management",
))  # fmt: skip


def refuse_elsewhere(body: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a field, of whichever provider, that reaches what lies or runs there, another model,
    or a price that no call is charged. An empty one may mean something: an empty object is enough to start a search."""
    if _LOOKED_AT.isdisjoint(body):  # most have none of them, and all pass here
        return
    refuse_shared(body, INDEXES)
    refuse_named(body.get("extra_body"), "extra_body")  # Google's, where it speaks as OpenAI does
    for name in RUN_THERE:
        if body.get(name) is not None:
            raise runs_there(name, name)
    for name in OTHER_MODELS:
        if body.get(name):
            raise InvalidRequest(f"A call is answered by “model” alone; leave “{name}” out.", field=name)
    for name in DEARER:
        if body.get(name):
            raise _costs_more(name, name)
    if body.get("service_tier") not in (None, *TIERS):
        raise _costs_more("service_tier", "service_tier")
    if body.get("modalities") not in (None, [], ["text"]):
        raise _costs_more("modalities", "modalities")
    if body.get("n_cmpl") is not None:
        raise InvalidRequest("How many answers are wanted is said by “n”; leave “n_cmpl” out.", field="n_cmpl")
    if _compacts(body.get("context_management")):
        raise _costs_more("context_management", "context_management")


def refuse_shared(body: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise `InvalidRequest` for a field that names what lies in a provider's account."""
    for name in names:
        if body.get(name):
            raise lies_there(name, name)


def refuse_named(said: Any, field: str) -> None:
    """Raise `InvalidRequest` where something in `said`, at any depth, names what lies in a provider's account. What a
    tool was called with is the client's own, whatever it is called."""
    waiting = [said]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            refused = next((name for name in NAMES if value.get(name)), None)
            if refused:
                raise lies_there(refused, field)
            waiting += (each for name, each in value.items() if name != "input" and isinstance(each, dict | list))
        elif isinstance(value, list):
            waiting += (each for each in value if isinstance(each, dict | list))


def lies_there(what: str, field: str) -> InvalidRequest:
    """Why `what`, which lies in a provider's account, cannot be used."""
    return InvalidRequest(
        f"“{what}” stands for something in the provider's account, which all tenants share, so it is not passed on. "
        "Send what it stands for: the whole conversation, the file itself.",
        field=field,
    )


def runs_there(what: str, field: str) -> InvalidRequest:
    """Why a tool that the provider runs itself cannot be used."""
    return InvalidRequest(
        f"“{what}” is run by the provider, at a price of its own that no call is charged yet, so it is not passed on. "
        "Offer a function that does the same.",
        field=field,
    )


def _costs_more(what: str, field: str) -> InvalidRequest:
    return InvalidRequest(
        f"What is asked for in “{what}” has a price of its own that no call is charged yet, so it is not passed on. "
        "Leave it out.",
        field=field,
    )


def _compacts(management: Any) -> bool:
    """Whether a provider shall sum up the conversation on its own: an answer of a model that its usage leaves out."""
    edits = management.get("edits") if isinstance(management, dict) else management
    return isinstance(edits, list) and any(
        isinstance(edit, dict) and str(edit.get("type")).startswith("compact") for edit in edits
    )
