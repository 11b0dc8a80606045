"""Django's ASGI handler with the middleware chain run in one thread.

Django's own runs every middleware in the event loop and changes threads for each of its hooks; with a dozen of them
that costs more than most pages (`benchmarks/serving.py`). Here a request changes threads once. Async views still run in
the event loop (asgiref leads them back to it), and what they stream is iterated there.
"""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    """An ASGI application of Django's pages."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
