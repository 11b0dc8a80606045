"""How long a team waits from the last vote until its tenant is ready, among 1,000 tenants.

Reference, in the same run: a tenant and a project with its environments made by their two verbs alone. Bound: 5 s. Run
with `python -m benchmarks.provisioning`.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

from benchmarks.ground import embedded_database

TEAMS = 20
BOUND_S = 5.0


def main() -> int:
    with embedded_database():
        from access.onboarding import provisioning
        from access.onboarding.drafting import begin_with
        from access.onboarding.sending import send
        from approvals.boards import seat
        from approvals.models import Board
        from approvals.voting import vote
        from audit.record import SYSTEM
        from benchmarks.scale import Size, build
        from portal import start_set
        from tenants.models import User
        from tenants.structure import create_project, create_tenant

        build(Size(models=100, calls=0, entries=0, people=20))
        start_set.load()
        voter, asker = (User.objects.create_user(name) for name in ("voter", "asker"))
        seat(board=Board.objects.get(slug="risk"), user=voter, by=SYSTEM)
        by_hand, waited = [], []
        for number in range(TEAMS):
            began = time.perf_counter()
            tenant = create_tenant(slug=f"hand-{number}", name=f"By hand {number}", owner=asker, by=SYSTEM)
            create_project(tenant=tenant, slug="first", name="First", by=SYSTEM)
            by_hand.append(time.perf_counter() - began)
            request = send(onboarding=begin_with(answers=_answers(number), by=asker), by=asker)
            began = time.perf_counter()
            vote(review=request.reviews.get(), verdict="approve", comment="Welcome.", by=voter)
            done = provisioning.run(request.onboarding.pk)
            waited.append(time.perf_counter() - began)
            assert done is not None and done.state == "ready", done and done.error
    reference, median = statistics.median(by_hand), statistics.median(waited)
    print(f"tenant and project by hand   {reference * 1000:>7.0f} ms")
    print(f"from the last vote to ready  {median * 1000:>7.0f} ms  {median / reference:.2f} times")
    print(f"longest {max(waited):.2f} s, bound {BOUND_S:.0f} s")
    return 1 if max(waited) > BOUND_S else 0


def _answers(number: int) -> dict[str, Any]:
    return {
        "team": {"name": f"Team {number}", "slug": f"team-{number}", "line_of_business": "Finance",
                 "cost_centre": "CC-1", "sponsor": "Ann"},
        "use-case": {"project_name": "Notes", "project_slug": "notes", "purpose": "Forecast notes",
                     "data_classes": ["internal"], "affected": "team", "users": 12, "about_people": "no",
                     "autonomy": "suggests", "region": "eu"},
        "people": {"people": [{"person": f"person-{number}", "role": "developer"},
                              {"person": f"new-{number}@example.test", "role": "viewer"}]},
        "models": {"routes": ["model-0", "model-1"], "environments": ["development", "production"], "tools": ""},
        "volume": {"calls_per_day": {"model-0": 1000, "model-1": 50}, "input_tokens": 1000, "output_tokens": 300},
        "isolation": {"level": "shared", "reason": ""},
        "terms": {"accepted": True},
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
