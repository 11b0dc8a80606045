"""The API's document, made by one thread at a time: drf-spectacular finds its extensions while it makes the first one,
and a second that is made meanwhile breaks on those that are half found."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_one_at_a_time = threading.Lock()


class Generator(SchemaGenerator):
    """The generator that the schema's address uses too (`SPECTACULAR_SETTINGS`)."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        with _one_at_a_time:
            return super().get_schema(*args, **kwargs)


@cache
def published_document() -> dict[str, Any]:
    """The whole document (OpenAPI 3.1), which is the same for everybody as long as the process lives."""
    made: dict[str, Any] = Generator().get_schema(public=True)
    return made
