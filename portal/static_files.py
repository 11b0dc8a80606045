"""Static files by WhiteNoise, sent in parts under ASGI.

WhiteNoise's own responses can only be read synchronously: Django gathers each as a whole and warns about it.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from whitenoise.middleware import WhiteNoiseFileResponse, WhiteNoiseMiddleware

from ui.streaming import StreamsUnderAsgi


class StaticFile(StreamsUnderAsgi, WhiteNoiseFileResponse):
    """A file; its parts are large, since each is a change of threads."""

    block_size = 256 * 1024


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise's middleware with that response."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> StaticFile:
        """The answer of `static_file` to `request`: whole, a range, or that it has not changed."""
        told = static_file.get_response(request.method, request.META)
        response = StaticFile(told.file or (), status=int(told.status))
        del response["content-type"]
        for name, value in told.headers:
            response[name] = value
        return response
