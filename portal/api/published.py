"""What the API's document publishes is what the API takes: a parameter or a body that it does not tell of is refused.

A filter that is misspelt and passed over answers with everything, and its caller believes it to be the filtered list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from portal.api.document import published_document
from tenants.api.bodies import not_known

HOLDER = re.compile(r"<[^>]+>|\{[^}]+\}")


@dataclass(frozen=True)
class Taken:
    """What one operation takes besides its path."""

    parameters: tuple[str, ...]
    has_body: bool


class AsPublished:
    """Mixed into every view of the API."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the caller was let in, refuse what the document does not publish. Raises `ValidationError`."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        sends = request.method not in ("GET", "HEAD", "OPTIONS") and bool(request.data)
        if not sends and not request.query_params:
            return
        match = request.resolver_match
        method = "GET" if request.method == "HEAD" else str(request.method)
        taken = operations().get((method, shape(f"/{match.route}"))) if match else None
        if taken is None:  # OPTIONS, and what the view itself is about to refuse
            return
        unknown = [name for name in request.query_params if name not in taken.parameters]
        if unknown:
            known = list(taken.parameters)
            raise ValidationError({name: [not_known("parameter", name, known)] for name in unknown}, code="unknown")
        if sends and not taken.has_body:
            raise ValidationError({"body": ["This takes no body."]}, code="unknown")


def shape(address: str) -> str:
    """An address of Django or of the document with nothing but the places of its values."""
    return HOLDER.sub("{}", address)


@cache
def operations() -> dict[tuple[str, str], Taken]:
    """By method and shape of the address, what the document publishes."""
    paths = published_document()["paths"]
    return {
        (method.upper(), shape(path)): Taken(
            tuple(each["name"] for each in facts.get("parameters", []) if each["in"] == "query"),
            "requestBody" in facts,
        )
        for path, methods in paths.items()
        for method, facts in methods.items()
    }
