"""Fixtures that every test may use."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import hypothesis
import pytest
from django.db import connection
from django.template import Context, Template
from django.test.utils import instrumented_test_render
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from portal.database import privileges
from portal.embedded.addresses import PORTAL
from tenants.scope import Scope, within
from tests.cast import Cast
from tests.dealing import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.dealing import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from tests.emptying import empty_as_tests_do
from tests.measured import pytest_terminal_summary as pytest_terminal_summary
from tests.prepared import TABLES
from tests.recast import recast

PARTS_OF_PAGES = ("cotton/", "django/forms/")
ARRANGING = Scope(None, "a test arranges and looks")

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile("here", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("here")

# Every HTTP client reads the authorities that it would trust, of which a machine has a hundred and fifty: 50 ms of
# work, also in the processes that tests start. Tests speak by TLS to nobody, and need none.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("authority.pem"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """A test arranges and looks for every tenant; what it sends as a request runs in the scope of that request."""
    with within(ARRANGING):
        return (yield)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Each process of a run has a copy of the tables that were made once."""
    connection.settings_dict["TEST"]["TEMPLATE"] = TABLES


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tables are their owner's; tests run as the portal does, in a role that owns none of them."""
    with django_db_blocker.unblock():
        privileges.grant(connection, PORTAL)
        _sign_in(f"-c role={PORTAL}")
    empty_as_tests_do()
    gc.collect()
    gc.freeze()  # what is loaded by now stays, and is not looked through again and again
    yield
    with django_db_blocker.unblock():
        _sign_in("")


@pytest.fixture(scope="session", autouse=True)
def django_test_environment(django_test_environment: None) -> None:
    """Django notes each template with a copy of its context, for tests that ask: of pages, and not of the two hundred
    components that a page is made of."""

    def render(self: Template, context: Context) -> str:
        is_part = self.name is not None and self.name.startswith(PARTS_OF_PAGES)
        return self.nodelist.render(context) if is_part else instrumented_test_render(self, context)

    Template._render = render  # type: ignore[method-assign]  # Django's own end of the session puts it back


def _sign_in(options: str) -> None:
    """Go on with connections of these options of libpq, here and in processes that are given the address."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"]["options"] = options
    plain = os.environ["ATRIUM_TEST_DATABASE_URL"]
    os.environ["DATABASE_URL"] = f"{plain}&options={quote(options)}" if options else plain


@pytest.fixture(autouse=True)
def a_machine_of_its_own(settings: Settings, tmp_path: Path) -> None:
    """Anchors of the audit outlive the tables that a test empties; the next test has seen none of them."""
    settings.AUDIT_ANCHORS = tmp_path / "audit-anchors"


@pytest.fixture
def cast(db: None) -> Cast:
    """The small cast of people and tenants that most tests need."""
    return recast()
