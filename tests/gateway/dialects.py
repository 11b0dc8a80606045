"""Change how the provider of the tests is spoken to, before the gateway is served: fixtures that need it come first."""

from __future__ import annotations

import json
from typing import Any

from catalog.models import Provider as ProviderRow
from tenants.changes import announce
from tenants.credentials import encrypt
from tests.gateway.behaviours import answers
from tests.gateway.provider import Provider


def speaks(dialect: str, *, base_url: str = "", credential: str = "", slug: str = "echo") -> None:
    """The provider `slug` is of the kind `dialect`."""
    row = ProviderRow.objects.get(slug=slug)
    row.dialect = dialect
    row.base_url = base_url or row.base_url
    row.credential = encrypt(credential) if credential else None
    row.save()
    announce("provider")


def speaks_gemini(provider: Provider, *parts: dict[str, Any]) -> None:
    """The provider has only chats, in a form of its own, and says `parts`."""
    speaks("gemini")
    said = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", "index": 0}
    used = {"promptTokenCount": 7, "candidatesTokenCount": 3}
    told = {"candidates": [said], "usageMetadata": used}
    provider.behaves(answers(200, json.dumps(told).encode()))
