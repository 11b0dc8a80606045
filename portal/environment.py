"""Reading the environment: a value that cannot be meant is refused by its variable's name, in one line.

Values of addresses and keys are not repeated in the refusal: they may hold passwords.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

MODES = ("demonstration", "development", "production")
DURABILITIES = ("process", "machine", "database")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
YES, NO = ("true", "on", "ok", "y", "yes", "1"), ("false", "off", "n", "no", "0", "")
SECRET = ("SECRET", "KEY", "PASSWORD", "TOKEN", "URL", "ENDPOINT")  # in the name of a variable: its value is not shown
OPEN = ("ATRIUM_PUBLIC_URL", "ATRIUM_LOCAL_MODEL_URL")
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Setting:
    """A variable as it was read: `value` for eyes (secrets and addresses are not repeated), where it is from."""

    name: str
    value: str
    source: str


class Environment(environ.Env):
    """django-environ's reader, whose errors name the variable, and which remembers what was read."""

    def __init__(self, **scheme: Any) -> None:
        super().__init__(**scheme)
        self._read: dict[str, Setting] = {}

    @property
    def settings(self) -> list[Setting]:
        """Every variable that was asked for, by name."""
        return sorted(self._read.values(), key=lambda setting: setting.name)

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        given = os.environ.get(var)
        if cast is bool and given is not None and given.strip().lower() not in (*YES, *NO):
            raise ImproperlyConfigured(f"{var} is {given!r}; it must be {KINDS[bool]}.")
        try:
            value = super().get_value(var, cast, default, parse_default)
            self._read[var] = Setting(var, _shown(var, value), "default" if given is None else "environment")
            return value
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{var} is {given!r}; it must be {KINDS.get(cast, 'something else')}."
            ) from error

    def email_url(self, var: str, default: Any = environ.Env.NOTSET, backend: Any = None) -> Any:
        return self._address(super().email_url, var, default, "smtp://user:password@host:25 (smtp+tls:// with TLS)")

    def cache_url(self, var: str, default: Any = environ.Env.NOTSET, backend: Any = None) -> Any:
        return self._address(super().cache_url, var, default, "redis://host:6379/0")

    @staticmethod
    def _address(read: Any, var: str, default: Any, example: str) -> Any:
        try:
            return read(var, default)
        except (ImproperlyConfigured, ValueError, KeyError) as error:
            raise ImproperlyConfigured(f"{var} cannot be read. Write it as {example}.") from error


def _shown(name: str, value: Any) -> str:
    """`value` for the platform's page of settings."""
    if value in ("", None, []):
        return ""
    if any(part in name for part in SECRET) and name not in OPEN:
        return "set"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def mode(given: str) -> str:
    """`given`, seen to be a mode: a mistyped one would be neither safe nor a demonstration. Raises
    `ImproperlyConfigured`."""
    if given not in MODES:
        raise ImproperlyConfigured(f"ATRIUM_MODE is {given!r}; it must be one of {', '.join(MODES)}.")
    return given


def durability(given: str) -> str:
    """`given`, seen to say how safe a call's opening is. Raises `ImproperlyConfigured`."""
    if given not in DURABILITIES:
        raise ImproperlyConfigured(f"GATEWAY_DURABILITY is {given!r}; it must be one of {', '.join(DURABILITIES)}.")
    return given


def opentelemetry(env: Environment, signal: str) -> bool:
    """Whether a collector is to be told of `signal` (`TRACES`, `METRICS`), by the standard variables
    (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Raises `ImproperlyConfigured`
    for what is not spoken here."""
    known = {
        f"OTEL_{signal}_EXPORTER": ("otlp", "none"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf",),
        f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL": ("http/protobuf",),
    }
    for name, values in known.items():
        if (given := env.str(name, values[0])) not in values:
            raise ImproperlyConfigured(f"{name} is {given!r}; it must be {' or '.join(values)}.")
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    given = [env.str(name, "") for name in names]
    is_off = env.bool("OTEL_SDK_DISABLED", False) or env.str(f"OTEL_{signal}_EXPORTER", "otlp") == "none"
    return any(given) and not is_off


def database_url(given: str) -> str:
    """`given`, seen to be an address of Postgres. Raises `ImproperlyConfigured`."""
    if given and not given.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with postgresql://; Atrium needs PostgreSQL 15 or newer with pgvector."
        )
    return given


def sender(given: str, public_url: str) -> str:
    """`given`, seen to be an address with or without a name; the portal's own host where it is empty. Raises
    `ImproperlyConfigured`."""
    if not given:
        return f"Atrium <atrium@{urlsplit(public_url).hostname or 'localhost'}>"
    name, address = parseaddr(given)
    if not _ADDRESS.fullmatch(address) or not given.isprintable():
        raise ImproperlyConfigured(f"EMAIL_FROM is {given!r}; write it as Atrium <atrium@example.com>.")
    return formataddr((name, address))


def log_level(given: str) -> str:
    """The level in capitals. Raises `ImproperlyConfigured`."""
    if given.upper() not in LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL is {given!r}; it must be one of {', '.join(LEVELS)}.")
    return given.upper()


def credential_keys(given: list[str]) -> list[str]:
    """`given`, each seen to be a key (Fernet: 32 bytes in URL-safe base64). Raises `ImproperlyConfigured`."""
    return _keys(given, "ATRIUM_CREDENTIAL_KEYS", "atrium credential-key")


def decision_keys(given: list[str]) -> list[str]:
    """`given`, each seen to be a seed of Ed25519: 32 bytes in URL-safe base64. Raises `ImproperlyConfigured`."""
    return _keys(given, "ATRIUM_DECISION_KEYS", "atrium decision new-key")


def _keys(given: list[str], name: str, made_by: str) -> list[str]:
    for key in given:
        try:
            is_key = len(base64.urlsafe_b64decode(key)) == 32
        except (binascii.Error, ValueError):
            is_key = False
        if not is_key:
            raise ImproperlyConfigured(f"{name} holds something that is no key. Make one with: {made_by}")
    return given
