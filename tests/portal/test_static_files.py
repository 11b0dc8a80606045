"""Static files as the product's own ASGI application sends them."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from django.contrib.staticfiles import finders
from django.test import override_settings

from portal.handler import OneThreadHandler

PATH = "/static/css/parts.css"


async def fetched(application: OneThreadHandler, **headers: str) -> tuple[int, bytes]:
    """Status and body of a GET of `PATH`."""
    sent: list[dict[str, Any]] = []
    asked: list[bool] = []

    async def receive() -> dict[str, Any]:
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": PATH, "query_string": b"", "headers": [(b"host", b"x"), *raw]}
    await application(scope, receive, send)  # type: ignore[no-untyped-call]
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@override_settings(WHITENOISE_USE_FINDERS=True, WHITENOISE_AUTOREFRESH=True, ALLOWED_HOSTS=["x"])
def test_files_are_streamed_without_a_warning(db: None) -> None:
    found = finders.find("css/parts.css")
    assert isinstance(found, str)
    with open(found, "rb") as file:  # noqa: PTH123
        whole = file.read()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        application = OneThreadHandler()
        assert asyncio.run(fetched(application)) == (200, whole)
        assert asyncio.run(fetched(application, range="bytes=0-9")) == (206, whole[:10])
