"""Settings of a worker in a test: what a killed one had comes back soon, and anchors lie where the test's do."""

import os
from pathlib import Path

from tests.settings import *  # noqa: F403
from tests.settings import CELERY_BROKER_TRANSPORT_OPTIONS

CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] = 3
AUDIT_ANCHORS = Path(os.environ["WORKERS_ANCHORS"])
