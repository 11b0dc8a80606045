"""Teams on their way in, for tests: answers that are complete, sent by the real verbs."""

from __future__ import annotations

import copy
from typing import Any

from access.models import Onboarding
from access.onboarding.drafting import begin_with
from access.onboarding.sending import send
from approvals.models import Request
from tenants.models import User

ANSWERS: dict[str, Any] = {
    "team": {
        "name": "Treasury", "slug": "treasury", "line_of_business": "Finance", "cost_centre": "CC-1", "sponsor": "Ann"
    },
    "use-case": {
        "project_name": "Notes", "project_slug": "notes", "purpose": "Forecast notes", "data_classes": ["internal"],
        "affected": "team", "users": 12, "about_people": "no", "autonomy": "suggests", "region": "eu",
    },
    "people": {"people": [{"person": "dev", "role": "developer"}, {"person": "new@example.test", "role": "viewer"}]},
    "models": {"routes": ["echo-model"], "environments": ["development", "production"], "tools": ""},
    "volume": {"calls_per_day": {"echo-model": 1000}, "input_tokens": 1000, "output_tokens": 300},
    "isolation": {"level": "shared", "reason": ""},
    "terms": {"accepted": True},
}  # fmt: skip
BARE = {"people": {"people": []}, "models": {"routes": [], "environments": [], "tools": ""},
        "volume": {"calls_per_day": {}, "input_tokens": 1, "output_tokens": 1}}  # fmt: skip


def answers(**changes: Any) -> dict[str, Any]:
    """Complete answers; `changes` by page name the values that differ (`use_case` for `use-case`)."""
    made = copy.deepcopy(ANSWERS)
    for page, values in changes.items():
        made[page.replace("_", "-")] |= values
    return made


def draft(by: User, **changes: Any) -> Onboarding:
    """A complete draft; it wants the route `echo-model`."""
    return begin_with(answers=answers(**changes), by=by)


def send_team(*, slug: str, by: User, **changes: Any) -> Request:
    """A team that names no people and no models, sent."""
    return send(onboarding=draft(by, **{"team": {"slug": slug}, **BARE, **changes}), by=by)
