"""The WSGI entry of the pages, for servers that run the gateway apart (`docs/running.md`); refuses unfit production."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

from portal.checks import refuse_unfit_production  # noqa: E402  (apps must be loaded first)

refuse_unfit_production(database_may_be_away=True)
