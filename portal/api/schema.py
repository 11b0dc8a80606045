"""What the OpenAPI document says beyond what drf-spectacular reads by itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from portal.api.once import HEADER, LONGEST_KEY


class TokenScheme(OpenApiAuthenticationExtension):
    """How programs authenticate."""

    target_class = "portal.api.authentication.TokenAuthentication"
    name = "personalToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A personal token (`atrium_pat_…`), issued under /account/tokens/.",
        }


def tell_of_the_header(result: dict[str, Any], generator: SchemaGenerator, **more: Any) -> dict[str, Any]:
    """Add `Idempotency-Key` to every POST of the document (a hook of drf-spectacular)."""
    told = {
        "name": HEADER,
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
        "description": "Sent again with the same key, a request is answered again and not done again.",
    }
    for methods in result["paths"].values():
        parameters = methods["post"].setdefault("parameters", []) if "post" in methods else [told]
        if not any(parameter["name"] == HEADER for parameter in parameters):
            parameters.append(told)
    return result
