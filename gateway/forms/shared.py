"""What a request may not name, leave or start at a provider: the account there is every tenant's, and what it runs at a
price of its own is in no price that a call is charged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.asked import InvalidRequest


def refuse_shared(body: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise `InvalidRequest` for a field that names what lies in a provider's account."""
    for name in names:
        if body.get(name):
            raise lies_there(name, name)


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
