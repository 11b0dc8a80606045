"""What governance does by itself: requests that nobody decided end and approvals with their validity, evidence
is collected, decisions are sealed and verified."""

from contextlib import suppress

from celery import shared_task

from approvals.evidence.collecting import EvidenceIsFrozen, collect, collect_left
from approvals.expiring import expire_overdue, lapse_ended
from approvals.models import Request
from approvals.sealing.chain import seal_unsealed
from approvals.sealing.keys import renew_codes
from approvals.sealing.verifications import run, run_daily
from tenants.scope import everything


@shared_task(name="approvals.expire_requests")
@everything("requests of every tenant end when their time is over")
def expire_requests() -> int:
    """Expire what is open for too long and end what is no longer valid; how many. Beat asks every hour."""
    return expire_overdue() + lapse_ended()


@shared_task(name="approvals.collect_evidence")
@everything("what is known of a request comes from the rooms of all tenants together")
def collect_evidence(key: str) -> int:
    """Collect what is missing or stale for a request that was sent; how many pieces. One decided meanwhile has all."""
    request = Request.objects.select_related("tenant", "environment__project", "requester").filter(pk=key).first()
    with suppress(EvidenceIsFrozen):
        return len(collect(request=request, only_stale=True)) if request is not None else 0
    return 0


@shared_task(name="approvals.collect_left")
@everything("what is known of a request comes from the rooms of all tenants together")
def collect_evidence_left() -> int:
    """Collect for requests whose own job was lost or never sent; for how many."""
    return collect_left()


@shared_task(name="approvals.seal_decisions")
@everything("the chain of seals goes over every tenant")
def seal_decisions() -> int:
    """Take into the chain what was decided before there was one, and keep the keys known under the present secret key;
    at a start, and once an hour."""
    renew_codes()
    return seal_unsealed()


@shared_task(name="approvals.verify_decisions")
@everything("the chain of seals goes over every tenant")
def verify_decisions(key: str) -> None:
    """Verify every decision because somebody asked on the page."""
    run(key)


@shared_task(name="approvals.verify_decisions_daily")
@everything("the chain of seals goes over every tenant")
def verify_decisions_daily() -> None:
    """Verify every decision once a day; what is found is logged as an error and shown on the page."""
    run_daily()
