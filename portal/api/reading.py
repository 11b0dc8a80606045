"""The API's schema laid out for reading: what `/api/docs/` shows, made from the same document that programs read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.api.document import published_document

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 6  # how far an example follows nested objects


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path or the query."""

    name: str
    place: str
    kind: str
    is_required: bool
    sentence: str


@dataclass(frozen=True)
class Operation:
    """One address with one method."""

    id: str
    method: str
    path: str
    title: str
    sentence: str
    parameters: list[Parameter]
    body: str
    answers: list[tuple[str, str]]
    example: str
    curl: str


@dataclass
class Part:
    """The operations of one kind of thing."""

    name: str
    operations: list[Operation] = field(default_factory=list)


def docs(request: HttpRequest) -> HttpResponse:
    """The page of the API's documentation."""
    return render(
        request,
        "portal/api.html",
        {"parts": parts(), "base": f"{settings.PUBLIC_URL}/api/"},
    )


@cache
def parts() -> list[Part]:
    """Every operation of the schema, by the first word of its address."""
    told = published_document()
    found: dict[str, Part] = {}
    for path, methods in told["paths"].items():
        name = path.removeprefix("/api/").split("/")[0].replace("-", " ").capitalize()
        for method in METHODS:
            if method in methods:
                part = found.setdefault(name, Part(name))
                part.operations.append(_operation(path, method, methods[method], told))
    return [found[name] for name in sorted(found)]


def _operation(path: str, method: str, facts: dict[str, Any], document: dict[str, Any]) -> Operation:
    body = _media(facts.get("requestBody", {}))
    answers = facts.get("responses", {})
    good: dict[str, Any] = next((answers[status] for status in sorted(answers) if status.startswith("2")), {})
    text = facts.get("description", "").strip()
    title, _, rest = text.partition("\n")
    body_example = _example(body, document) if body else None
    return Operation(
        id=facts["operationId"],
        method=method.upper(),
        path=path,
        title=title.rstrip(".") or facts["operationId"].replace("_", " ").capitalize(),
        sentence=rest.strip(),
        parameters=[_parameter(p) for p in facts.get("parameters", [])],
        body=_pretty(body_example),
        answers=[(status, answer.get("description", "")) for status, answer in sorted(answers.items())],
        example=_pretty(_example(_media(good), document)),
        curl=_curl(method, path, body_example),
    )


def _parameter(facts: dict[str, Any]) -> Parameter:
    schema = facts.get("schema", {})
    kind = " or ".join(str(value) for value in schema["enum"]) if "enum" in schema else _kind(schema)
    return Parameter(
        facts["name"],
        facts["in"],
        kind,
        facts.get("required", False),
        facts.get("description", ""),
    )


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "value")
    return " or ".join(kind) if isinstance(kind, list) else str(schema.get("format", kind))


def _media(holder: dict[str, Any]) -> dict[str, Any]:
    content = holder.get("content", {})
    return dict(next(iter(content.values()), {"schema": {}}).get("schema", {}))


def _example(schema: dict[str, Any], document: dict[str, Any], depth: int = 0) -> Any:
    if not schema or depth > DEEPEST:
        return None
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _example(document["components"]["schemas"][name], document, depth + 1)
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in schema:
            return _example(schema[choice][0], document, depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    if "example" in schema or "default" in schema:
        return schema.get("example", schema.get("default"))
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [_example(schema.get("items", {}), document, depth + 1)]
    if kind == "object" or "properties" in schema:
        return {name: _example(value, document, depth + 1) for name, value in schema.get("properties", {}).items()}
    texts = {
        "uuid": "0192f0c1-…",
        "date-time": "2026-01-31T12:00:00Z",
        "date": "2026-01-31",
        "uri": "https://…",
    }
    return {"integer": 0, "number": 0, "boolean": False}.get(str(kind), texts.get(schema.get("format", ""), "…"))


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _curl(method: str, path: str, body: Any) -> str:
    lines = [
        f"curl {settings.PUBLIC_URL}{path}",
        '  -H "Authorization: Bearer $ATRIUM_TOKEN"',
    ]
    if method != "get":
        lines.insert(1, f"  -X {method.upper()}")
    if body is not None:
        lines += [
            '  -H "Content-Type: application/json"',
            f"  -d '{json.dumps(body, ensure_ascii=False)}'",
        ]
    return " \\\n".join(lines)
