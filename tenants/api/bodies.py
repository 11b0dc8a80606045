"""What a request of the API carries: its body, in which every field has a meaning.

It stands on this floor because the view sets of every room above read their bodies by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class Body(serializers.Serializer[Any]):
    """Base of what a request carries. A field that it does not know is refused, not passed over: who misspells one
    that may be left out would never learn of it. A field that is told and not taken may be sent back as it was told."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [str(name) for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            raise serializers.ValidationError({name: [self._unknown(name)] for name in unknown}, code="unknown")
        if isinstance(data, Mapping):
            self._require_text(data)
        return super().to_internal_value(data)

    def _require_text(self, data: Mapping[str, Any]) -> None:
        """A number where text is published is a mistake of the caller, not another way to write text."""
        wrong = [
            name
            for name, field in self.fields.items()
            if isinstance(field, serializers.CharField) and isinstance(data.get(name), int | float)
        ]
        if wrong:
            raise serializers.ValidationError({name: ["This is text: put it in quotes."] for name in wrong})

    def _unknown(self, name: str) -> str:
        return not_known("field", name, list(self.fields))


def not_known(kind: str, name: str, known: list[str]) -> str:
    """The sentence for a name that nothing here has; `kind` is “field” or “parameter”."""
    near = get_close_matches(name, known, n=1)
    meant = f" Did you mean “{near[0]}”?" if near else f" Known are {', '.join(known)}." if known else ""
    return f"There is no {kind} “{name[:100]}” here.{meant}"


def body_of(request: Request, serializer: type[Body]) -> dict[str, Any]:
    """The body by its serializer. Raises DRF's `ValidationError`."""
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)
