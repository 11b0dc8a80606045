"""Begin to bring a team, answer its pages one by one, and throw the draft away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.models import Onboarding
from access.onboarding.forms import Page
from access.onboarding.pages import BY_SLUG, STEPS, Step
from approvals.sealing.canonical import storable
from audit.record import record
from refusals.errors import Conflict, Invalid, Missing
from tenants.models import User

MOST_DRAFTS = 20
MOST_TYPED = 20_000  # characters of a page that is not understood


class NotEditable(Conflict):
    """It is with a board, or was decided."""

    code = "not_editable"
    title = "This was sent"


class TooManyDrafts(Conflict):
    code = "too_many_drafts"
    title = "You have begun often enough"


class NotUnderstood(Invalid):
    """An answer that its page's form does not take."""

    code = "answer_not_understood"


def begin(*, by: User) -> Onboarding:
    """A new draft of `by`. Raises `TooManyDrafts`."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        if Onboarding.objects.filter(requester=by, state=Onboarding.State.DRAFT).count() >= MOST_DRAFTS:
            raise TooManyDrafts(f"You have {MOST_DRAFTS} drafts. Go on with one of them, or throw one away.")
        return Onboarding.objects.create(requester=by)


@transaction.atomic
def begin_with(*, answers: Mapping[str, Any], by: User) -> Onboarding:
    """A new draft with `answers` by page; none where one of them is not understood. Raises what both verbs raise."""
    return answer_plainly(onboarding=begin(by=by), answers=answers)


def find(viewer: User, pk: Any) -> Onboarding:
    """The onboarding that `viewer` began. Raises `Missing`."""
    found = Onboarding.objects.filter(pk=pk, requester=viewer).select_related("request", "tenant").first()
    if found is None:
        raise Missing("There is no such draft of yours.")
    return found


def form_for(step: Step, onboarding: Onboarding, sent: Any = None, **more: Any) -> Page:
    """The form of a page: with what was sent, else as it was answered or begun before."""
    before = onboarding.begun.get(step.slug) or step.form.sent(onboarding.answers.get(step.slug, {}))
    return step.form(sent, answers=onboarding.answers, initial=before, **more)


def form_as_typed(step: Step, onboarding: Onboarding, sent: Any, **more: Any) -> Page:
    """The same as it was left, without saying what is wrong: it was not sent yet."""
    left = typed_on(form_for(step, onboarding, sent))
    return step.form(None, answers=onboarding.answers, initial=left, **more)


def answer(*, onboarding: Onboarding, step: Step, form: Page) -> Onboarding:
    """Keep what a valid `form` of `step` says; other pages stay as they are, whoever changes them meanwhile.

    Raises `NotEditable`.
    """
    with transaction.atomic():
        kept = lock_editable(onboarding)
        answers = dict(kept.answers) | {step.slug: storable(form.answer)}
        if step.slug == "models":
            answers = _with_volume_of(answers)
        kept.begun = {slug: typed for slug, typed in kept.begun.items() if slug != step.slug}
        kept.answers, kept.state, kept.changed_at = answers, Onboarding.State.DRAFT, timezone.now()
        kept.save(update_fields=["answers", "begun", "state", "changed_at"])
    return kept


def keep_begun(*, onboarding: Onboarding, step: Step, form: Page) -> Onboarding:
    """Keep what was typed on a page that is not understood yet; an earlier answer of it stays as it is.

    Raises `NotEditable`.
    """
    typed = typed_on(form)
    with transaction.atomic():
        kept = lock_editable(onboarding)
        if not typed or step.is_answered(kept.answers) or len(str(typed)) > MOST_TYPED:
            return kept
        kept.begun, kept.changed_at = dict(kept.begun) | {step.slug: storable(typed)}, timezone.now()
        kept.save(update_fields=["begun", "changed_at"])
    return kept


def typed_on(form: Page) -> dict[str, Any]:
    """What was sent of each field that was not left empty, without what PostgreSQL cannot keep."""
    return {name: _plain(form[name].data) for name in form.fields if form[name].data}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    return [_plain(each) for each in value] if isinstance(value, list) else value


def answer_plainly(*, onboarding: Onboarding, answers: Mapping[str, Any]) -> Onboarding:
    """Keep plain values by page, as a program sends them: all of them or, where one is not understood, none.

    Raises `NotUnderstood` (its field is `page.name`) and `NotEditable`.
    """
    unknown = [str(name) for name in answers if name not in BY_SLUG]
    if unknown:
        raise NotUnderstood(f"There is no page “{unknown[0][:80]}”. Known are {', '.join(BY_SLUG)}.", field="answers")
    with transaction.atomic():
        for step in STEPS:
            if step.slug not in answers:
                continue
            form = _checked(step, onboarding, answers[step.slug])
            onboarding = answer(onboarding=onboarding, step=step, form=form)
    return onboarding


@transaction.atomic
def discard(*, onboarding: Onboarding) -> None:
    """Throw a draft away; what was sent once stays. Raises `NotEditable`."""
    kept = lock_editable(onboarding)
    if kept.request_id is not None:
        raise NotEditable("It was sent once, so it stays on record. Leave it as it is, or change and send it again.")
    kept.delete()


def lock_editable(onboarding: Onboarding) -> Onboarding:
    """The row as it is now, kept from others until the transaction ends. Raises `NotEditable`, `Missing`."""
    rows = Onboarding.objects.select_for_update(of=("self",), no_key=True).select_related("request")
    kept = rows.filter(pk=onboarding.pk).first()
    if kept is None:
        raise Missing("Somebody threw this draft away in the meantime.")
    if not kept.is_editable:
        where = f"R-{kept.request.number}" if kept.request else "it"
        raise NotEditable(
            f"This was sent as {where} and cannot be changed now. Withdraw the request to change your answers.",
            way_out=kept.request.get_absolute_url() if kept.request else "",
        )
    return kept


def note_sent(onboarding: Onboarding, by: User) -> None:
    """Write down in the audit that the answers went to the board."""
    record("onboarding.sent", by=by, subject=onboarding, request=onboarding.request_id and str(onboarding.request_id))


def _with_volume_of(answers: dict[str, Any]) -> dict[str, Any]:
    """Other models need other figures: the page of volumes is asked again where one is missing."""
    volume = answers.get("volume")
    wanted = answers["models"]["routes"]
    if volume is None:
        return answers
    calls = volume["calls_per_day"]
    if any(slug not in calls for slug in wanted):
        return {slug: given for slug, given in answers.items() if slug != "volume"}
    return answers | {"volume": volume | {"calls_per_day": {slug: calls[slug] for slug in wanted}}}


def _checked(step: Step, onboarding: Onboarding, given: Any) -> Page:
    if not isinstance(given, Mapping):
        raise NotUnderstood("This must be an object.", field=step.slug)
    try:
        sent = step.form.sent(given)
    except (AttributeError, TypeError, ValueError) as error:
        raise NotUnderstood("This does not have the form that the documentation gives.", field=step.slug) from error
    nested = next((name for name, value in sent.items() if not _is_plain(value)), None)
    if nested is not None:
        raise NotUnderstood("This takes a text, a number, or a list of texts.", field=f"{step.slug}.{nested}")
    form = step.form(sent, answers=onboarding.answers)
    unknown = [name for name in sent if name not in form.fields and name != "version"]
    if unknown:
        asked = ", ".join(name for name in form.fields if name.isidentifier() and not name[-1].isdigit())
        raise NotUnderstood(
            f"“{str(unknown[0])[:80]}” is not asked here, or is one too many.{f' Asked are {asked}.' if asked else ''}",
            field=step.slug,
        )
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        raise NotUnderstood(str(errors[0]), field=step.slug if name == "__all__" else f"{step.slug}.{name}")
    return form


def _is_plain(value: Any) -> bool:
    """What a form's control could have sent."""
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return value is None or isinstance(value, str | int | float)
