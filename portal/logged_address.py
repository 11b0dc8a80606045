"""The address that the log's lines of a request carry: the one by which tries are counted and networks are let in, and
none that the client wrote into a header itself."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django_structlog.signals import bind_extra_request_metadata
from structlog.contextvars import bind_contextvars

from tenants.whence import of_token


def connect() -> None:
    """Bind it as each request begins; called once the apps are ready."""
    bind_extra_request_metadata.connect(_bind, dispatch_uid="portal.logged_address")


def _bind(request: HttpRequest, **signal: Any) -> None:
    bind_contextvars(ip=str(of_token(request).address or ""))
