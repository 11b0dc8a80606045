"""The verb: import what is known of models and their prices, and say what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from audit.record import record
from catalog import figures, indexing
from catalog.figures import PricedOffer
from catalog.importing import drafting, known, local, offers, writing
from catalog.models import Deployment, ImportRun, Model
from tenants.changes import announce

SOURCES = {"prices": offers.SOURCE, "facts": known.SOURCE}
STEPS = ("Reading the price list", "Writing models and offers", "Writing prices", "Writing the search index")
_IMPORT_LOCK = 0x43_41_54_41  # two imports at once would both add what is missing


class Cancelled(Exception):
    """Somebody cancelled the run."""


@transaction.atomic
def import_catalog(
    *,
    by: Any,
    found: list[offers.Offer] | None = None,
    run: ImportRun | None = None,
    on_step: Callable[[int], None] = lambda step: None,
) -> ImportRun:
    """Bring the catalog up to date; returns the run with its report. A second run finds nothing to change.

    `found` replaces the installed price list; `run` is the row of somebody who asked; `on_step` is told which of
    `STEPS` begins and may raise, which leaves everything as it was. Raises `Cancelled`.
    """
    on_step(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_LOCK])
    now = timezone.now()
    run = run or ImportRun(asked_by=str(getattr(by, "label", by))[:200], started_at=now)
    run.sources = SOURCES
    drafts, left_out = drafting.draft_all(offers.read(now) if found is None else found, now.date())
    on_step(1)
    written, report = writing.write(drafts, now.date())
    local_model, local_price = local.write()
    _write_provider_slugs()
    on_step(2)
    prices = [local_price, *_prices(drafts, written)]
    priced = figures.write_offers(prices)
    report.counts.update({"prices added": priced.added, "prices changed": priced.changed})
    report.examples["prices changed"] = priced.examples
    on_step(3)
    indexed = indexing.index(_words(drafts, local_model))
    report.counts["search entries written"] += indexed
    run.report = {
        "counts": {kind: count for kind, count in report.counts.items() if count},
        "examples": {kind: shown for kind, shown in report.examples.items() if shown},
        "left_out": left_out,
        "totals": _totals(),
    }
    if run.pk and not ImportRun.objects.select_for_update().filter(pk=run.pk, state=ImportRun.State.RUNNING).exists():
        raise Cancelled  # from here on it is too late to cancel
    run.state, run.step, run.steps_done = ImportRun.State.SUCCEEDED, "", len(STEPS)
    run.finished_at = timezone.now()
    run.save()
    if report.has_changes:
        announce("route")
    record("catalog.imported", by=by, subject=run, **run.report["counts"])
    return run


def _prices(drafts: list[drafting.ModelDraft], written: writing.Written) -> list[PricedOffer]:
    return [
        PricedOffer(
            deployment_id=written.deployments[(each.provider.slug, each.upstream)].pk,
            input_per_million=rate.input,
            output_per_million=rate.output,
            cached_input_per_million=rate.cached_input,
            cache_write_per_million=rate.cache_write,
            starts_on=rate.starts_on,
            source=each.price_source,
        )
        for draft in drafts
        for each in draft.deployments
        for rate in each.rates
    ]


def _write_provider_slugs() -> None:
    """Keep the list's own copy of who offers a model."""
    offered: dict[UUID, set[str]] = defaultdict(set)
    rows = Deployment.objects.filter(gone_at=None, is_enabled=True)
    for model_id, slug in rows.values_list("version__model_id", "provider__slug"):
        offered[model_id].add(slug)
    changed = []
    for model in Model.objects.only("provider_slugs"):
        slugs = sorted(offered.get(model.pk, ()))
        if model.provider_slugs != slugs:
            model.provider_slugs = slugs
            changed.append(model)
    Model.objects.bulk_update(changed, ["provider_slugs"], batch_size=1000)


def _words(drafts: list[drafting.ModelDraft], local_model: Model) -> list[indexing.Words]:
    names: dict[UUID, list[str]] = defaultdict(list)
    for model_id, upstream in Deployment.objects.filter(gone_at=None).values_list("version__model_id", "upstream_name"):
        names[model_id].append(upstream.rpartition("/")[2])
    related = {draft.slug: draft.related for draft in drafts}
    related[local_model.slug] = drafting.local_model().related
    models = Model.objects.defer("embedding", "search_vector").filter(slug__in=related)
    return [
        indexing.words_of(model, other_names=[*sorted(names[model.pk]), *_routes(model)], related=related[model.slug])
        for model in models.prefetch_related("routes")
    ]


def _routes(model: Model) -> list[str]:
    return [route.slug for route in model.routes.all()]


def _totals() -> dict[str, int]:
    return {
        "models": Model.objects.count(),
        "deployments": Deployment.objects.filter(gone_at=None).count(),
        "providers": Deployment.objects.filter(gone_at=None).values("provider").distinct().count(),
    }
