"""How much may be uploaded at once: counted while it comes in, so that what is too large is never taken whole."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

LARGEST_FILE = 25 * 2**20
LARGEST_UPLOAD = 60 * 2**20  # several files and the fields beside them


class UploadTooLarge(RequestDataTooBig):
    """More than is taken; `portal.edge` tells `sentence`."""

    def __init__(self, most: int, what: str) -> None:
        self.sentence = f"{what} may have {most // 2**20} MB at most. Nothing was kept; send less at once."
        super().__init__(self.sentence)


class BoundedUpload(FileUploadHandler):
    """The first of the handlers: it counts, and hands on what it was given.

    What the sender says beforehand is believed where it is too much already; else the bytes of each file are counted.
    """

    def handle_raw_input(
        self, input_data: Any, META: dict[str, str], content_length: int, boundary: Any, encoding: str | None = None
    ) -> None:
        if content_length > LARGEST_UPLOAD:
            raise UploadTooLarge(LARGEST_UPLOAD, "Everything that is sent at once")

    def new_file(self, *given: Any, **named: Any) -> None:
        super().new_file(*given, **named)
        self._bytes = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._bytes += len(raw_data)
        if self._bytes > LARGEST_FILE:
            raise UploadTooLarge(LARGEST_FILE, "A file")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
