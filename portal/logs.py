"""Logs on standard error: readable lines for people, JSON lines in production, each with its request's id."""

from __future__ import annotations

import logging
from typing import Any

import structlog


def logging_settings(level: str, *, as_json: bool) -> dict[str, Any]:
    """Django's `LOGGING`, through which structlog and the standard library's loggers write alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # first: an unwanted line costs nothing more
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Its own traces show the values of variables, and those may be prompts, keys and passwords.
    readable = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    as_lines = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    renderers: list[Any] = as_lines if as_json else [readable]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        # A refused request is the caller's news, not ours; a defect is logged with its trace by django.request.
        "loggers": {
            "django.request": {"level": logging.ERROR},
            "django_structlog": {"level": level},
            "atrium.access": {"level": logging.INFO},  # it has a setting of its own
        },
    }
