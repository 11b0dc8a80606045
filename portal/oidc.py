"""Which organisations' sign-in services (OpenID Connect) this Atrium trusts, read from the environment.

For each provider three variables, with a name of your choice in the middle, and three that may be left out:

    ATRIUM_OIDC_<NAME>_SERVER_URL     https://login.example.com/realms/staff   (its /.well-known/openid-configuration)
    ATRIUM_OIDC_<NAME>_CLIENT_ID
    ATRIUM_OIDC_<NAME>_CLIENT_SECRET
    ATRIUM_OIDC_<NAME>_LABEL          what the button says; by default the name
    ATRIUM_OIDC_<NAME>_SCOPE          by default: openid profile email
    ATRIUM_OIDC_<NAME>_GROUPS         the claim that names a person's groups; by default: groups

The provider must allow the address `<this portal>/accounts/oidc/<name>/login/callback/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

PREFIX = "ATRIUM_OIDC_"
REQUIRED = ("SERVER_URL", "CLIENT_ID", "CLIENT_SECRET")
_variable = re.compile(rf"^{PREFIX}([A-Z0-9_]+?)_(SERVER_URL|CLIENT_ID|CLIENT_SECRET|LABEL|SCOPE|GROUPS)$")


def providers(environment: Mapping[str, str]) -> dict[str, Any]:
    """`SOCIALACCOUNT_PROVIDERS` for django-allauth. Raises `ImproperlyConfigured` naming what is missing or double."""
    found: dict[str, dict[str, str]] = {}
    for variable, value in environment.items():
        if (match := _variable.match(variable)) and value:
            found.setdefault(match[1], {})[match[2]] = value
    apps = [_app(name, values) for name, values in sorted(found.items())]
    by_client: dict[str, str] = {}
    for app in apps:  # allauth tells them apart by it between the service's answer and the account that it leads to
        other = by_client.setdefault(app["client_id"], app["provider_id"])
        if other != app["provider_id"]:
            raise ImproperlyConfigured(
                f"Single sign-on “{other}” and “{app['provider_id']}” have the same CLIENT_ID. Register Atrium under "
                "another one at one of the services."
            )
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": apps}} if apps else {}


def _app(name: str, values: dict[str, str]) -> dict[str, Any]:
    if missing := [f"{PREFIX}{name}_{part}" for part in REQUIRED if part not in values]:
        raise ImproperlyConfigured(f"Single sign-on “{name.lower()}” lacks {', '.join(missing)}.")
    return {
        "provider_id": name.lower().replace("_", "-"),
        "name": values.get("LABEL") or name.replace("_", " ").title(),
        "client_id": values["CLIENT_ID"],
        "secret": values["CLIENT_SECRET"],
        "settings": {
            "server_url": values["SERVER_URL"],
            "scope": values.get("SCOPE", "openid profile email").split(),
            "groups_claim": values.get("GROUPS", "groups"),
        },
    }
