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


REFUSALS = {
    "401": "You are not signed in, or the token is unknown, expired or revoked.",
    "403": "You may see this and lack the permission that `permission` names, or your session sent no CSRF token.",
    "404": "There is no such thing, or it is not yours to see; or the cursor is not one of ours.",
    "409": "Somebody else was first, or the thing is not in a state that allows this.",
    "422": "Something you sent is not acceptable; `field` or `errors` names it.",
    "429": "Too many at once. `Retry-After` says when to come again.",
    "503": "A part of Atrium does not answer just now. `Retry-After` says when to come again.",
}
PROBLEM = {
    "type": "object",
    "description": "Why something was refused (RFC 9457). Each kind of refusal may add values of its own.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:atrium:problem:` and the code."},
        "title": {"type": "string", "description": "The kind in a few words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, why, and what to do."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "request_id": {"type": "string", "description": "Quote it when you ask for help."},
        "field": {"type": "string", "description": "Which value is at fault."},
        "way_out": {"type": "string", "description": "The page where it can be asked for or mended."},
        "permission": {"type": "string", "description": "Which permission is lacking."},
        "errors": {"type": "object", "additionalProperties": True, "description": "By field, what is wrong with it."},
    },
    "additionalProperties": True,
}


def tell_of_refusals(result: dict[str, Any], generator: SchemaGenerator, **more: Any) -> dict[str, Any]:
    """Add the problem document to every operation, once as a component (a hook of drf-spectacular)."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in result["paths"].values():
        for method in methods.keys() & {"get", "post", "put", "patch", "delete"}:
            for status, sentence in REFUSALS.items():
                methods[method]["responses"].setdefault(status, {"description": sentence, "content": content})
    return result
