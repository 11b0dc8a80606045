"""Fixtures that every test may use."""

import pgtrigger
import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.cast import Cast


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit are cleaned up with TRUNCATE, which the protected tables refuse in the product."""
    with django_db_blocker.unblock():
        uris = [f"{m._meta.label}:{t.name}" for m, t in pgtrigger.registered() if t.name == "never_truncated"]
        pgtrigger.disable(*uris)


@pytest.fixture
def cast(db: None) -> Cast:
    """The small cast of people and tenants that most tests need."""
    return Cast.create()
