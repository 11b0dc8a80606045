"""A request asks the database for its person, and so does what is streamed after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from tenants.scope import InForce, in_force, of_person, within
from tenants.whence import of_page


class ScopeMiddleware:
    """Enter the scope of `request.user`, who is looked up once somebody needs to know; stands below authentication."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with within(lambda: of_person(request.user, of_page(request))):
            response = self.get_response(request)
            at_the_end = in_force()  # a token may have told in the meantime who it is
        if isinstance(response, StreamingHttpResponse):
            parts: Any = response.streaming_content
            response.streaming_content = _later(parts, at_the_end) if response.is_async else _each(parts, at_the_end)
        return response


def _each(parts: Iterator[bytes], scope: InForce) -> Iterator[bytes]:
    while True:
        with within(scope):
            part = next(parts, None)
        if part is None:
            return
        yield part


async def _later(parts: AsyncIterator[bytes], scope: InForce) -> AsyncIterator[bytes]:
    while True:
        with within(scope):
            part = await anext(parts, None)
        if part is None:
            return
        yield part
