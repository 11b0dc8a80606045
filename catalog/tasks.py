"""The catalog's background jobs: importing, checking deployments, noting how much each model is used."""

from __future__ import annotations

from celery import shared_task

from audit.record import SYSTEM
from catalog import health, popularity
from catalog.importing.run import import_catalog as run_import

SCHEDULE = {"catalog.check_deployments": 300, "catalog.refresh_popularity": 3600}
AT_START = ("catalog.check_deployments", "catalog.refresh_popularity")


@shared_task(name="catalog.import_catalog")
def import_catalog() -> None:
    """Bring the catalog up to date with the installed packages."""
    run_import(by=SYSTEM)


@shared_task(name="catalog.check_deployments")
def check_deployments() -> None:
    """Ask every connected provider whether it answers."""
    health.check_all()


@shared_task(name="catalog.refresh_popularity")
def refresh_popularity() -> None:
    """Note how much each model was called in the last 30 days."""
    popularity.refresh()
