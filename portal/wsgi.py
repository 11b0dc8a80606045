"""The WSGI entry of the pages, for servers that run the gateway apart (`docs/running.md`)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
