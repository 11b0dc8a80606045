"""What is set for this process and asked of every call, as plain attributes: `django.conf.settings` runs some Python
each time that it is asked, and a call asks ten times. Elsewhere it is asked itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class Options:
    """In seconds, bytes and counts, as `portal.settings` has them under the names of these in capitals."""

    __slots__ = (
        "currency", "gateway_access_log", "gateway_body_timeout_s", "gateway_largest_body", "gateway_most_objects",
        "gateway_most_texts", "gateway_most_values", "gateway_queue_wait_s", "otel_spans",
    )  # fmt: skip
    currency: str
    gateway_access_log: bool
    gateway_body_timeout_s: float
    gateway_largest_body: int
    gateway_most_objects: int
    gateway_most_texts: int
    gateway_most_values: int
    gateway_queue_wait_s: float
    otel_spans: bool

    def read(self) -> None:
        """As they are set now."""
        for name in self.__slots__:
            setattr(self, name, getattr(settings, name.upper()))


def _changed(*, setting: str, **_: Any) -> None:
    """A test sets it otherwise for a while."""
    if setting.lower() in Options.__slots__:
        options.read()


options = Options()
options.read()
setting_changed.connect(_changed)
