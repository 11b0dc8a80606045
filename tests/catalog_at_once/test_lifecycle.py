"""Two who take steps of one model's versions at one moment."""

from __future__ import annotations

from collections.abc import Callable

from audit.record import SYSTEM
from catalog.lifecycle.moving import move
from catalog.lifecycle.states import Lifecycle, Verb
from catalog.models import Model, ModelVersion
from tests.approvals.test_at_once import house  # noqa: F401  # a fixture
from tests.cast import Cast, route
from tests.catalog.test_lifecycle import SOON, at, beside
from tests.tenants.test_two_deeds_at_once import overlapping


def test_two_steps_at_once_leave_the_state_of_both(house: Cast) -> None:  # noqa: F811
    one = route().targets.get().deployment.version
    two = beside(one, is_served=True)
    at(one, Lifecycle.IN_USE)
    at(two, Lifecycle.IN_USE)

    def deprecates(which: ModelVersion) -> Callable[[], object]:
        return lambda: move(version=which, verb=Verb.DEPRECATE, reason="So", by=SYSTEM, ends_on=SOON)

    told, waited = overlapping(deprecates(one), deprecates(two))
    assert (told, waited) == (["done"] * 2, 1)
    assert Model.objects.get(pk=one.model_id).status == Lifecycle.DEPRECATED
