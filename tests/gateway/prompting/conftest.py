"""The gateway in front of a provider whose model takes prompts in a way of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.models import Deployment, Route
from catalog.prompting.profile import Prompting
from catalog.prompting.setting import set_prompting
from tests.cast import Cast

type Says = Callable[..., Deployment]


@pytest.fixture
def says(team: Cast, route: Route) -> Says:
    """`says(system="none")`: so are prompts put for the deployment of `echo-model`, before the gateway is served."""

    def said(**prompting: Any) -> Deployment:
        deployment = route.targets.get().deployment
        return set_prompting(deployment=deployment, prompting=Prompting(**prompting), by=team.pat)

    return said
