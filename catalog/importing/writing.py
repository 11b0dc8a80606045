"""Make the catalog agree with the drafts, in few statements, and tell what changed.

Only what an import brought may an import change: models, deployments and providers of the platform team are left alone,
except that an import adds deployments to them. What is no longer listed is marked as gone, never deleted: grants,
prices and calls point to it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from audit.record import SYSTEM
from catalog.changes.telling import Kind, change, tell_all
from catalog.importing.drafting import DeploymentDraft, ModelDraft
from catalog.lifecycle.behind import IS_SERVED
from catalog.lifecycle.moving import begin_use, follow_sources, stale, write_status
from catalog.lifecycle.states import Lifecycle
from catalog.models import Deployment, Fact, Model, ModelVersion, Provider, Route

BY_IMPORT = "import"
CURRENT = "current"  # the release that an undated name means
_TOLD_FIELDS = ("context_tokens", "max_output_tokens", "capabilities", "licence", "name")
_PACKAGE_VERSION = re.compile(r" \d[\d.]*$")


@dataclass
class Report:
    """What an import changed, for its row, the command line and the audit."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def tell(self, kind: str, example: str) -> None:
        self.counts[kind] += 1
        if len(shown := self.examples.setdefault(kind, [])) < 20:
            shown.append(example)

    @property
    def has_changes(self) -> bool:
        return any(self.counts.values())


@dataclass
class Written:
    """The rows that stand for the drafts after writing."""

    models: dict[str, Model]
    deployments: dict[tuple[str, str], Deployment]


def write(drafts: list[ModelDraft], today: dt.date) -> tuple[Written, Report]:
    """Write `drafts`; must run inside a transaction."""
    report = Report()
    providers = _providers(drafts, report)
    models = _models(drafts, report)
    versions = _versions(drafts, models, report)
    deployments = _deployments(drafts, models, providers, versions, report)
    _facts(drafts, models, today, report)
    _gone(drafts, report)
    _routes(drafts, models, report)
    write_status(stale(model.pk for model in models.values()))
    return Written(models, deployments), report


def _providers(drafts: list[ModelDraft], report: Report) -> dict[str, Provider]:
    offered = {each.provider.slug: each.provider for draft in drafts for each in draft.deployments}
    known = Provider.objects.in_bulk(offered, field_name="slug")
    new = [
        Provider(slug=offer.slug, name=offer.name, website=offer.website, source=BY_IMPORT)
        for slug, offer in offered.items()
        if slug not in known
    ]
    for provider in Provider.objects.bulk_create(new):
        known[provider.slug] = provider
        report.tell("providers added", provider.name)
    return known


def _models(drafts: list[ModelDraft], report: Report) -> dict[str, Model]:
    known = Model.objects.defer("embedding", "search_vector").in_bulk([d.slug for d in drafts], field_name="slug")
    new, changed, changes = [], [], []
    for draft in drafts:
        model = known.get(draft.slug)
        if model is None:
            new.append(Model(slug=draft.slug, source=BY_IMPORT, **draft.fields))
            continue
        if model.source != BY_IMPORT:
            continue
        different = {name for name, value in draft.fields.items() if getattr(model, name) != value}
        if different:
            for name in sorted(different & set(_TOLD_FIELDS)):
                kind = Kind.LICENCE if name == "licence" else Kind.FACT
                words = name.replace("_", " ")
                before, after = _plain(getattr(model, name)), _plain(draft.fields[name])
                changes.append(change(model, None, kind, words, before, after, BY_IMPORT))
                report.tell("facts changed", f"{model.slug}: {words} {before} → {after}")
            for name in different:
                setattr(model, name, draft.fields[name])
            report.tell("models changed", model.slug)
            changed.append(model)
    for model in Model.objects.bulk_create(new, batch_size=500):
        known[model.slug] = model
        changes.append(change(model, None, Kind.LISTED, "listed", None, None, BY_IMPORT))
        report.tell("models added", model.slug)
    if changed:
        Model.objects.bulk_update(changed, sorted(drafts[0].fields), batch_size=500)
    tell_all(changes)
    return known


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _versions(
    drafts: list[ModelDraft], models: dict[str, Model], report: Report
) -> dict[tuple[Any, str], ModelVersion]:
    known = {(row.model_id, row.label): row for row in ModelVersion.objects.filter(model__in=models.values())}
    with_versions = {model_id for model_id, _ in known}
    new, changed = [], []
    for draft in drafts:
        model = models[draft.slug]
        for version in draft.versions:
            label = version.label or CURRENT
            row = known.get((model.pk, label))
            dates = {"released_on": version.released_on, "deprecated_on": version.deprecated_on}
            if row is None:
                new.append(ModelVersion(model=model, label=label, **dates))
            elif any(getattr(row, name) != value for name, value in dates.items()):
                row.released_on, row.deprecated_on = version.released_on, version.deprecated_on
                changed.append(row)
    for row in ModelVersion.objects.bulk_create(new, batch_size=1000):
        known[(row.model_id, row.label)] = row
        report.tell("versions added", str(row.label))
    ModelVersion.objects.bulk_update(changed, ["released_on", "deprecated_on"], batch_size=1000)
    tell_all(
        change(None, row, Kind.VERSION, f"new version {row.label}", None, row.label, BY_IMPORT)
        for row in new
        if row.model_id in with_versions  # of a new model it is said that it is listed
    )
    _ends(drafts, models, known, report)
    return known


def _ends(
    drafts: list[ModelDraft],
    models: dict[str, Model],
    versions: dict[tuple[Any, str], ModelVersion],
    report: Report,
) -> None:
    """Let the versions of imported models follow what their sources say of their end."""
    said = {
        versions[(models[draft.slug].pk, each.label or CURRENT)].pk: (each.ending, each.deprecated_on)
        for draft in drafts
        if models[draft.slug].source == BY_IMPORT
        for each in draft.versions
    }
    _follow(said, report)


def _follow(said: dict[Any, tuple[str, dt.date | None]], report: Report) -> None:
    for step in follow_sources(said):
        report.tell(f"versions {Lifecycle(step.after).label.lower()}", str(step.version))


def _deployments(
    drafts: list[ModelDraft],
    models: dict[str, Model],
    providers: dict[str, Provider],
    versions: dict[tuple[Any, str], ModelVersion],
    report: Report,
) -> dict[tuple[str, str], Deployment]:
    slugs = {provider.pk: slug for slug, provider in providers.items()}
    rows = Deployment.objects.filter(provider__in=providers.values())
    known = {(slugs[row.provider_id], row.upstream_name): row for row in rows}
    new, changed, moved, taken_over = [], [], [], []
    for draft in drafts:
        model = models[draft.slug]
        for each in draft.deployments:
            version = versions[(model.pk, each.version or CURRENT)]
            row = known.get((each.provider.slug, each.upstream))
            values = _values(each, version)
            if row is None:
                provider = providers[each.provider.slug]
                new.append(Deployment(provider=provider, upstream_name=each.upstream, source=BY_IMPORT, **values))
                report.tell("deployments added", f"{each.upstream} at {provider.name}")
            elif row.source == BY_IMPORT and any(getattr(row, name) != value for name, value in values.items()):
                if row.gone_at is not None:
                    report.tell("deployments back", f"{each.upstream} at {each.provider.name}")
                elif row.version_id != version.pk:
                    report.tell("deployments moved", f"{each.upstream} at {each.provider.name} is now {model.slug}")
                if row.version_id != version.pk:
                    taken_over.append(version.pk)
                if row.gone_at is None and row.region != each.region:
                    what = f"where {each.upstream} at {each.provider.name} computes"
                    moved.append(change(None, version, Kind.REGION, what, row.region, each.region, BY_IMPORT))
                for name, value in values.items():
                    setattr(row, name, value)
                changed.append(row)
    for row in Deployment.objects.bulk_create(new, batch_size=1000):
        known[(slugs[row.provider_id], row.upstream_name)] = row
    Deployment.objects.bulk_update(changed, ["version", "offer", "region", "price_notes", "gone_at"], batch_size=500)
    tell_all(moved)
    served = ModelVersion.objects.filter(IS_SERVED, pk__in=taken_over).exclude(lifecycle=Lifecycle.RETIRED)
    begin_use(served, by=SYSTEM, reason="What a route leads to is this version now.")
    return known


def _values(draft: DeploymentDraft, version: ModelVersion) -> dict[str, Any]:
    return {
        "version_id": version.pk,
        "offer": draft.offer,
        "region": draft.region,
        "price_notes": draft.notes,
        "gone_at": None,
    }


def _facts(drafts: list[ModelDraft], models: dict[str, Model], today: dt.date, report: Report) -> None:
    ids = [models[draft.slug].pk for draft in drafts]
    known = {(f.model_id, f.name, _family(f.source)): f for f in Fact.objects.filter(model__in=ids)}
    new, changed, stay = [], [], set()
    for draft in drafts:
        model = models[draft.slug]
        for fact in draft.facts:
            key = (model.pk, fact.name, _family(fact.source))
            stay.add(key)
            row = known.get(key)
            url = fact.url[:300]
            if row is None:
                new.append(
                    Fact(model=model, name=fact.name, value=fact.value, source=fact.source, source_url=url, as_of=today)
                )
            elif (row.value, row.source, row.source_url) != (fact.value, fact.source, url):
                if row.value != fact.value:
                    report.tell("facts updated", f"{model.slug}: {fact.name}")
                row.value, row.source, row.source_url, row.as_of = fact.value, fact.source, url, today
                changed.append(row)
    Fact.objects.bulk_create(new, batch_size=1000)
    report.counts["facts added"] += len(new)
    Fact.objects.bulk_update(changed, ["value", "source", "source_url", "as_of"], batch_size=1000)
    gone = [row.pk for key, row in known.items() if key not in stay]
    Fact.objects.filter(pk__in=gone).delete()
    report.counts["facts withdrawn"] += len(gone)


def _family(source: str) -> str:
    """A source without its version, so that a newer one replaces what the older one said."""
    return _PACKAGE_VERSION.sub("", source)


def _gone(drafts: list[ModelDraft], report: Report) -> None:
    listed = {(each.provider.slug, each.upstream) for draft in drafts for each in draft.deployments}
    imported = Deployment.objects.filter(source=BY_IMPORT, gone_at=None).select_related("provider", "version__model")
    gone = [row for row in imported if (row.provider.slug, row.upstream_name) not in listed]
    for row in gone:
        row.gone_at = timezone.now()
        report.tell("deployments gone", f"{row.upstream_name} at {row.provider.name}")
    tell_all(
        change(None, row.version, Kind.PROVIDER, f"{row.upstream_name} is no longer listed", row.provider.name, None,
               BY_IMPORT)
        for row in gone
    )  # fmt: skip
    Deployment.objects.bulk_update(gone, ["gone_at"], batch_size=1000)
    slugs = {draft.slug for draft in drafts}
    offered = Deployment.objects.filter(gone_at=None).values("version__model")
    without_offer = Model.objects.filter(source=BY_IMPORT).exclude(slug__in=slugs).exclude(pk__in=offered)
    ended = ModelVersion.objects.filter(model__in=without_offer).exclude(lifecycle=Lifecycle.RETIRED)
    _follow(dict.fromkeys(ended.values_list("pk", flat=True), (Lifecycle.RETIRED.value, None)), report)


def _routes(drafts: list[ModelDraft], models: dict[str, Model], report: Report) -> None:
    """A route for every model that has none; off until somebody publishes a deployment behind it."""
    known = set(Route.objects.values_list("slug", flat=True))
    with_route = set(Route.objects.values_list("model_id", flat=True))
    new = [
        Route(slug=draft.slug, model=models[draft.slug], is_enabled=False)
        for draft in drafts
        if draft.slug not in known and models[draft.slug].pk not in with_route
    ]
    Route.objects.bulk_create(new, batch_size=1000)
    report.counts["routes added"] += len(new)
