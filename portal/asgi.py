"""The ASGI entry: `/v1` and `/metrics` go to the gateway, which needs nothing of Django; the rest goes to Django.

Unfit production is refused here too, whatever server loads it.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

from gateway.application import Gateway  # noqa: E402  (settings must be configured first)
from portal.checks import refuse_unfit_production  # noqa: E402
from portal.handler import OneThreadHandler  # noqa: E402

refuse_unfit_production(database_may_be_away=True)

portal_application = OneThreadHandler()
gateway_application = Gateway()


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    """Dispatch by path; start-up and shut-down messages go to the gateway, which has things to start and to flush."""
    path = scope.get("path", "")
    if scope["type"] == "lifespan" or path.startswith("/v1/") or path in ("/v1", "/metrics"):
        await gateway_application(scope, receive, send)
    else:
        await portal_application(scope, receive, send)
