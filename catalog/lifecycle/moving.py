"""Take a model version a step further in its life: by people, by publishing, or as its sources say that it ends."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.record import record
from catalog.changes.telling import Kind, change, tell, tell_all
from catalog.lifecycle.states import BEFORE_USE, ENDING, FURTHEST_FIRST, TABLE, Lifecycle, Verb
from catalog.models import PLATFORM_TEAM, LifecycleStep, Model, ModelVersion
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
    locked = ModelVersion.objects.select_for_update(of=["self"]).select_related("model").get(pk=version.pk)
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
def begin_use(versions: Iterable[ModelVersion], *, by: Any) -> None:
    """Publishing puts versions in use; what is in use or ends already stays as it is. Raises `VersionRetired`; inside
    the publication's transaction."""
    keys = sorted({version.pk for version in versions})
    locked = ModelVersion.objects.select_for_update(of=["self"]).select_related("model").filter(pk__in=keys)
    for version in locked.order_by("pk"):
        if version.lifecycle == Lifecycle.RETIRED:
            raise VersionRetired(
                f"{version} is retired. Propose it again on its model's page before it is published.",
                way_out=f"{version.model.get_absolute_url()}?tab=lifecycle&version={version.label}",
            )
        if version.lifecycle in BEFORE_USE:
            move(version=version, verb=Verb.USE, reason="A route was published.", by=by)


def follow_sources(said: Mapping[UUID, tuple[str, dt.date | None]]) -> list[LifecycleStep]:
    """Let versions end, or not end any more, as their sources say: by key `""`, `deprecated` or `retired` and the day.
    Only what they say anew moves a version, so that a person who decided otherwise is not overruled each night.
    Inside the import's transaction.
    """
    rows = ModelVersion.objects.select_for_update(of=["self"]).select_related("model").filter(pk__in=list(said))
    changed, steps, back = [], [], []
    for version in rows.defer("model__embedding", "model__search_vector"):
        ending, day = said[version.pk]
        if version.sources_say == ending:
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
    served = _served() if back else set()
    used = [version for version in back if version.pk in served]
    steps += [_step(version, Verb.USE, "A route leads to it.", BY_SOURCES, None) for version in used]
    ModelVersion.objects.bulk_update(used, written, batch_size=500)  # step by step: the database looks at each
    LifecycleStep.objects.bulk_create(steps, batch_size=1000)
    tell_all(change(step.version.model, step.version, source=BY_SOURCES, **_told(step)) for step in steps)
    _after(steps)
    return steps


def write_status(models: Iterable[UUID] | None = None) -> int:
    """Keep the list's own copy of each model's life: that of its furthest version, and when that ends. How many
    differed."""
    held: dict[UUID, list[ModelVersion]] = defaultdict(list)
    rows = ModelVersion.objects.only("model_id", "lifecycle", "ends_on", "deprecated_on")
    for version in rows if models is None else rows.filter(model__in=list(models)):
        held[version.model_id].append(version)
    changed = []
    for model in Model.objects.filter(pk__in=list(held)).only("status", "deprecated_on"):
        status = min((version.lifecycle for version in held[model.pk]), key=FURTHEST_FIRST.index)
        days = [each.ends_on or each.deprecated_on for each in held[model.pk] if each.lifecycle == status]
        known = [day for day in days if day]
        ends = max(known) if len(known) == len(days) else None
        if (model.status, model.deprecated_on) != (status, ends):
            model.status, model.deprecated_on = status, ends
            changed.append(model)
    Model.objects.bulk_update(changed, ["status", "deprecated_on"], batch_size=500)
    return len(changed)


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
    return last is not None and last.by == BY_SOURCES


def _served() -> set[UUID]:
    rows = ModelVersion.objects.filter(deployments__targets__route__is_enabled=True)
    return set(rows.values_list("pk", flat=True))
