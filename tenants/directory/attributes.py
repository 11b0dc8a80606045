"""What a directory says of a person, as plain JSON in SCIM's own names (RFC 7643 §4.1), and what we read out of it."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

from tenants.names import without_hidden


def folded(value: Any) -> Any:
    """`value` in the form in which filters compare: texts in NFC and lower case, without what is empty."""
    if isinstance(value, str):
        return normalize("NFC", normalize("NFC", value).lower())
    if isinstance(value, dict):
        kept = {key: folded(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, [], {})}
    if isinstance(value, list):
        return [item for item in map(folded, value) if item not in (None, [], {})]
    return value


def first_address(told: dict[str, Any]) -> str:
    """The address that is marked as the primary one, else the first, in lower case; "" without any."""
    addresses = [each for each in told.get("emails") or [] if each.get("value")]
    chosen = next((each for each in addresses if each.get("primary")), addresses[0] if addresses else None)
    return str(chosen["value"]).strip().lower() if chosen else ""


def names(told: dict[str, Any]) -> dict[str, str]:
    """The names of an account that the directory gives, without those it does not mention and what hides in them."""
    name = told.get("name") or {}
    given, family = name.get("givenName") or "", name.get("familyName") or ""
    shown = told.get("displayName") or name.get("formatted") or f"{given} {family}".strip()
    found = {"display_name": shown[:120], "first_name": given[:150], "last_name": family[:150]}
    return {field: seen for field, value in found.items() if (seen := without_hidden(value))}
