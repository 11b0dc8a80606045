"""Who sees which rows: members their tenant, people above tenants all, strangers nothing."""

import pytest

from refusals.errors import Forbidden, Missing
from tenants import keys, scoping
from tenants.models import ApiKey, Environment
from tests.cast import Cast


def test_it_works(cast: Cast) -> None:
    assert [t.slug for t in scoping.tenants_for(cast.dev)] == ["acme"]
    assert [t.slug for t in scoping.tenants_for(cast.ada)] == ["acme", "globex"]
    assert not scoping.tenants_for(cast.ned)


def test_a_strangers_tenant_is_missing_and_a_lacking_permission_is_named(cast: Cast) -> None:
    with pytest.raises(Missing):
        scoping.find_tenant(cast.greta, "acme")
    with pytest.raises(Forbidden, match="Issue and revoke keys"):
        scoping.find_tenant(cast.vera, "acme", "tenants.manage_keys")


def test_rows_of_another_tenant_are_not_there(cast: Cast) -> None:
    keys.issue(environment=cast.environment(), name="ours", by=cast.olivia)
    keys.issue(environment=cast.environment(of=cast.foreign_project), name="theirs", by=cast.greta)
    assert [k.name for k in scoping.visible(cast.olivia, ApiKey.objects.all())] == ["ours"]
    assert {k.name for k in scoping.visible(cast.ada, ApiKey.objects.all())} == {"ours", "theirs"}
    assert not scoping.visible(cast.ned, Environment.objects.all())
