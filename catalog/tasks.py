"""The catalog's background jobs: importing, checking deployments, noting how much each model is used."""

from __future__ import annotations

from celery import shared_task

from catalog import health, popularity
from catalog.importing import jobs
from tenants.scope import everything


@shared_task(name="catalog.import_catalog")
def import_catalog(key: int) -> None:
    """Bring the catalog up to date with the installed packages."""
    jobs.run(key)


@shared_task(name="catalog.import_if_new")
def import_if_new() -> None:
    """Ask for an import where a price list is installed that was not imported yet."""
    jobs.start_if_new()


@shared_task(name="catalog.check_deployments")
def check_deployments() -> None:
    """Ask every connected provider whether it answers."""
    health.check_all()


@shared_task(name="catalog.refresh_popularity")
@everything("how much a model is called is counted over every tenant")
def refresh_popularity() -> None:
    """Note how much each model was called in the last 30 days."""
    popularity.refresh()
