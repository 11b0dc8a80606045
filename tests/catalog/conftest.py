"""The imported start catalog, brought in once for the tests of this folder and taken back after them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from audit.record import SYSTEM
from catalog.importing.run import import_catalog
from catalog.models import ImportRun, ModelVersion
from tests.cast import Cast


@pytest.fixture(scope="package")
def imported(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ImportRun]:
    """The run of the first import. Every test works inside its transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield import_catalog(by=SYSTEM)
        transaction.set_rollback(True)


@pytest.fixture
def nothing_in_use(db: None) -> None:
    """As if the first import, which other tests here stand on, had put no model of its own in use."""
    ModelVersion.objects.filter(lifecycle="in_use").delete()


@pytest.fixture
def dev(imported: ImportRun, cast: Cast, client: Client) -> Client:
    """A browser of Acme's developer."""
    client.force_login(cast.dev)
    return client


@pytest.fixture
def pat(imported: ImportRun, cast: Cast) -> Client:
    """A browser of the platform team."""
    client = Client()
    client.force_login(cast.pat)
    return client
