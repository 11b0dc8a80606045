"""The loopback: a provider that answers within the gateway, with no model behind it, for tests and for load.

It says so wherever its answers go: its slug, its models and its routes begin with its name, which nothing else may, and
its name carries the label. So the ledger, statements, exports and headers tell it without a column of their own.
"""

from __future__ import annotations

from refusals.errors import Invalid

LOOPBACK = "loopback"
LABEL = "loopback — no model answers"


def is_loopback(name: str) -> bool:
    """Whether the slug of a provider, a model or a route is one of a loopback."""
    return name == LOOPBACK or name.startswith(f"{LOOPBACK}-")


def slug_with_label(slug: str) -> str:
    """`slug` so that it is told from all others."""
    return slug if is_loopback(slug) else f"{LOOPBACK}-{slug}"


def name_with_label(name: str) -> str:
    """A name that people read, with the label."""
    return name if LABEL in name.lower() else f"{name} ({LABEL})"


def refuse_disguise(slug: str, *, is_loopback_behind: bool, field: str) -> None:
    """Raise `Invalid` where a slug says of what is behind it that it is a loopback, and it is none, or the other way
    round."""
    if is_loopback_behind and not is_loopback(slug):
        raise Invalid(f"No model answers here, so the name must begin with “{LOOPBACK}”.", field=field)
    if not is_loopback_behind and is_loopback(slug):
        raise Invalid(f"Names that begin with “{LOOPBACK}” are kept for what no model answers.", field=field)
