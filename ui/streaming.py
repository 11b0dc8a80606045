"""What is read bit by bit is sent bit by bit under ASGI too, where Django would first gather the whole, and warn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse


class StreamsUnderAsgi(StreamingHttpResponse):
    """A streamed response whose synchronous parts are taken one after another beside the event loop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = iter(cast(Iterator[bytes], self.streaming_content))
        while (part := await sync_to_async(lambda: next(parts, None))()) is not None:
            yield part
