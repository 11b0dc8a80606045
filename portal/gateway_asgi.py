"""The ASGI entry of a gateway that runs alone (`atrium gateway`): no page, no session, no middleware of Django."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

from gateway.alone import GatewayAlone  # noqa: E402  (settings must be configured first)
from portal.checks import refuse_unfit_production  # noqa: E402

refuse_unfit_production(database_may_be_away=True)

application = GatewayAlone()
