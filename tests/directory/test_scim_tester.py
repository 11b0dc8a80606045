"""Everything that `scim2-tester` checks of a server, it checks of ours, with the platform's token and a tenant's."""

from __future__ import annotations

import pytest
from django.core.wsgi import get_wsgi_application
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from tests.cast import Cast
from tests.directory.service import Service


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", ["platform", "tenant"])
def test_every_check_of_the_tester_succeeds_and_none_is_left_out(cast: Cast, of: str) -> None:
    service = Service(None, cast.pat) if of == "platform" else Service(cast.acme, cast.olivia)
    client = WSGISCIMClient(
        get_wsgi_application(), base_url="http://testserver/scim/v2",
        headers={"Authorization": f"Bearer {service.secret}"},
    )  # fmt: skip
    results = check_server(client)
    told = [(each.status.name, each.resource_type, each.title, each.reason) for each in results]
    wrong = [each for each in told if each[0] != Status.SUCCESS.name]
    assert not wrong, "\n".join(map(str, wrong))
    assert len(results) > 100
