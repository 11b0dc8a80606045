"""Take a model version a step further in its life: by people, by publishing, or as its sources say that it ends."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.record import record
from catalog.changes.telling import Kind, change, tell, tell_all
from catalog.lifecycle.behind import IS_SERVED, furthest
from catalog.lifecycle.states import BEFORE_USE, ENDING, TABLE, Lifecycle, Verb
from catalog.models import PLATFORM_TEAM, Change, LifecycleStep, Model, ModelVersion
from refusals.errors import Conflict, Invalid
from tenants.changes import announce

LONGEST_REASON = 300
BY_SOURCES = "import"


class NotFromHere(Conflict):
    code = "not_from_here"
    title = "That is no step from where it is"


class VersionRetired(Conflict):
    code = "version_retired"
    title = "This model version is retired"


_listeners: list[Callable[[Sequence[LifecycleStep]], None]] = []


def when_moved(listener: Callable[[Sequence[LifecycleStep]], None]) -> None:
    """Call `listener` with the steps that were taken, in the transaction that wrote them."""
    if listener not in _listeners:
        _listeners.append(listener)


@transaction.atomic
def move(*, version: ModelVersion, verb: str, reason: str, by: Any, ends_on: dt.date | None = None) -> ModelVersion:
    """Take one step, with its reason; `ends_on` belongs to a deprecation and names the day on which it ends here.
    Raises `Invalid` and `NotFromHere`.
    """
    reason = " ".join(reason.replace("\x00", "").split())[:LONGEST_REASON]
    if not reason:
        raise Invalid("Say why: whoever depends on it will ask.", field="reason")
    if verb not in Verb.values:
        raise Invalid(f"It is one of {', '.join(Verb.values)}.", field="verb")
    if verb == Verb.DEPRECATE and ends_on is None:
        raise Invalid("Say on which day it ends, so that teams can plan.", field="ends_on")
    if verb != Verb.DEPRECATE and ends_on is not None:
        raise Invalid("A day on which it ends belongs to a deprecation.", field="ends_on")
    if ends_on is not None and ends_on < timezone.now().date():
        raise Invalid("That day is over. Retire it, or name a day that lies ahead.", field="ends_on")
    (locked,) = _locked([version.pk])
    before = Lifecycle(locked.lifecycle)
    transition = TABLE.get((before, Verb(verb)))
    if transition is None:
        raise NotFromHere(f"{locked} is {before.label.lower()}: “{Verb(verb).label}” is no step from there.")
    step = _step(locked, Verb(verb), reason, str(getattr(by, "label", by)), ends_on)
    locked.save(update_fields=["lifecycle", "lifecycle_since", "ends_on"])
    step.save()
    record(
        transition.audit, by=by, subject=locked, before=before.value, after=locked.lifecycle, reason=reason,
        ends_on=ends_on.isoformat() if ends_on else "",
    )  # fmt: skip
    tell(version=locked, **_told(step, PLATFORM_TEAM))
    _after([step])
    return locked


@transaction.atomic
def begin_use(versions: Iterable[ModelVersion], *, by: Any, reason: str = "A route was published.") -> None:
    """Publishing puts versions in use; what is in use or ends already stays as it is. Raises `VersionRetired`; inside
    the publication's transaction."""
    for version in _locked({version.pk for version in versions}):
        if version.lifecycle == Lifecycle.RETIRED:
            raise VersionRetired(
                f"{version} is retired. Propose it again on its model's page before it is published.",
                way_out=f"{version.model.get_absolute_url()}?tab=lifecycle&version={version.label}",
            )
        if version.lifecycle in BEFORE_USE:
            move(version=version, verb=Verb.USE, reason=reason, by=by)


def follow_sources(said: Mapping[UUID, tuple[str, dt.date | None]]) -> list[LifecycleStep]:
    """Let versions end, or not end any more, as their sources say: by key `""`, `deprecated` or `retired` and the day.
    Only what they say anew moves a version, so that a person who decided otherwise is not overruled each night; of
    an end that they brought about they may move the day. Inside the import's transaction.
    """
    seen = ModelVersion.objects.filter(pk__in=list(said)).only("lifecycle", "ends_on", "sources_say")
    anew = [version.pk for version in seen if _is_new(version, *said[version.pk])]
    changed, steps, back, dated, told = [], [], [], [], []
    for version in _locked(anew):
        ending, day = said[version.pk]
        if version.sources_say == ending:
            if _has_moved(version, ending, day) and _ended_by_sources(version):
                told.append(_moved_end(version, day))
                dated.append(version)
            continue
        version.sources_say = ending
        changed.append(version)
        if ending == Lifecycle.RETIRED and version.lifecycle != Lifecycle.RETIRED:
            steps.append(_step(version, Verb.RETIRE, "Its sources say that it has ended.", BY_SOURCES, day))
        elif ending == Lifecycle.DEPRECATED and version.lifecycle not in ENDING:
            steps.append(_step(version, Verb.DEPRECATE, "Its sources say that it ends.", BY_SOURCES, day))
        elif not ending and version.lifecycle in ENDING and _ended_by_sources(version):
            steps.append(_step(version, Verb.REOPEN, "Its sources list it again.", BY_SOURCES, None))
            back.append(version)
    written = ["sources_say", "lifecycle", "lifecycle_since", "ends_on"]
    ModelVersion.objects.bulk_update(changed, written, batch_size=500)
    served = _served(back) if back else set()
    used = [version for version in back if version.pk in served]
    steps += [_step(version, Verb.USE, "A route leads to it.", BY_SOURCES, None) for version in used]
    ModelVersion.objects.bulk_update(used, written, batch_size=500)  # step by step: the database looks at each
    LifecycleStep.objects.bulk_create(steps, batch_size=1000)
    tell_all(change(step.version.model, step.version, source=BY_SOURCES, **_told(step)) for step in steps)
    if dated:
        ModelVersion.objects.bulk_update(dated, ["ends_on"], batch_size=500)
        tell_all(told)
        write_status({version.model_id for version in dated})
        announce("route")
    _after(steps)
    return steps


def write_status(models: Iterable[UUID]) -> int:
    """Keep the list's own copy of each model's life: that of the furthest of the versions that a route leads to, of one
    that is not served of all, and when that ends. How many differed. Whoever changes what is served calls it."""
    keys = list(models)
    _lock_models(Model.objects.filter(pk__in=keys))
    changed = _with_another_life(keys)
    Model.objects.bulk_update(changed, ["status", "deprecated_on"], batch_size=500)
    return len(changed)


def stale(models: Iterable[UUID]) -> list[UUID]:
    """Those whose copy differs, at a look without locks: of the many that an import brings."""
    return [model.pk for model in _with_another_life(list(models))]


def _with_another_life(keys: Sequence[UUID]) -> list[Model]:
    """The models whose copy differs, with what it should be."""
    held: dict[UUID, list[ModelVersion]] = defaultdict(list)
    rows = ModelVersion.objects.only("model_id", "lifecycle", "ends_on", "deprecated_on").filter(model__in=keys)
    served = set()
    for version in rows.annotate(is_served=IS_SERVED):
        held[version.model_id].append(version)
        if version.is_served:
            served.add(version.pk)
    changed = []
    for model in Model.objects.filter(pk__in=list(held)).only("status", "deprecated_on"):
        life = furthest([each for each in held[model.pk] if each.pk in served] or held[model.pk])
        if (model.status, model.deprecated_on) != life:
            model.status, model.deprecated_on = life
            changed.append(model)
    return changed


def _locked(keys: Collection[UUID]) -> list[ModelVersion]:
    """The versions, nobody else changing their lives meanwhile or those of their models' other versions: the models'
    copies are made of all of them."""
    _lock_models(Model.objects.filter(pk__in=ModelVersion.objects.filter(pk__in=list(keys)).values("model")))
    rows = ModelVersion.objects.select_for_update(of=["self"]).select_related("model").filter(pk__in=list(keys))
    return list(rows.defer("model__embedding", "model__search_vector").order_by("pk"))


def _lock_models(rows: QuerySet[Model]) -> None:
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _step(version: ModelVersion, verb: Verb, reason: str, by: str, ends_on: dt.date | None) -> LifecycleStep:
    """The step, taken on `version` in memory."""
    before = Lifecycle(version.lifecycle)
    after = TABLE[(before, verb)].to
    step = LifecycleStep(
        version=version, verb=verb, before=before, after=after, reason=reason, ends_on=ends_on, by=by[:200]
    )
    if after != before:
        version.lifecycle, version.lifecycle_since = after, step.at
        if after == Lifecycle.DEPRECATED:
            version.ends_on = ends_on
        elif after != Lifecycle.RETIRED:
            version.ends_on = None
        elif version.ends_on is None or version.ends_on > step.at.date():
            version.ends_on = ends_on or step.at.date()
    return step


def _told(step: LifecycleStep, source: str | None = None) -> dict[str, Any]:
    what = f"{Verb(step.verb).label.lower()}: {step.reason}"
    if step.ends_on and step.verb == Verb.DEPRECATE:
        what = f"ends on {step.ends_on.isoformat()}: {step.reason}"
    matters = step.verb in (Verb.DEPRECATE, Verb.RETIRE, Verb.REOPEN)
    told = {
        "kind": Kind.LIFECYCLE, "what": what, "before": step.before, "after": step.after, "matters": matters
    }  # fmt: skip
    return told if source is None else {**told, "source": source}


def _after(steps: Sequence[LifecycleStep]) -> None:
    if not steps:
        return
    write_status({step.version.model_id for step in steps})
    announce("route")
    for listener in _listeners:
        listener(steps)


def _ended_by_sources(version: ModelVersion) -> bool:
    last = version.steps.first()
    return last is None or last.by == BY_SOURCES  # ended without a step: by an import before steps were kept


def _is_new(version: ModelVersion, ending: str, day: dt.date | None) -> bool:
    return version.sources_say != ending or _has_moved(version, ending, day)


def _has_moved(version: ModelVersion, ending: str, day: dt.date | None) -> bool:
    """Whether a deprecation has another day now; what is retired has its day behind it."""
    return ending == version.lifecycle == Lifecycle.DEPRECATED and version.ends_on != day


def _moved_end(version: ModelVersion, day: dt.date | None) -> Change:
    """The version with its new day, in memory, and what is told of it."""
    before, after = (each and each.isoformat() for each in (version.ends_on, day))
    version.ends_on = day
    what = f"ends on {after or 'a day not stated'}, before on {before or 'a day not stated'}"
    return change(version.model, version, Kind.LIFECYCLE, what, before, after, BY_SOURCES, matters=True)


def _served(versions: Iterable[ModelVersion]) -> set[UUID]:
    rows = ModelVersion.objects.filter(IS_SERVED, pk__in=[version.pk for version in versions])
    return set(rows.values_list("pk", flat=True))
