"""How a person's user name is written in an address of the API."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class UsernameConverter(StringConverter):
    """Anything that PostgreSQL can keep: who signs in by an organisation's service is called what that service says."""

    regex = r"[^/\x00]{1,150}"


register_converter(UsernameConverter, "username")
