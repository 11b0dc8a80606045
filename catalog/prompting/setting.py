"""Say how prompts are put for the model of a deployment. In force in all gateway processes within a second."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.record import record
from catalog.dialects import known_as
from catalog.models import Deployment
from catalog.prompting.profile import Prompting, checked
from catalog.prompting.sandbox import NotRendered, rendered
from refusals.errors import Invalid
from tenants.changes import announce
from tenants.seen import refuse_changed

PROBE = "What is 17 times 23?"


@transaction.atomic
def set_prompting(*, deployment: Deployment, prompting: Prompting, by: Any, seen: str | None = None) -> Deployment:
    """Prompts for `deployment` are put as `prompting` says from now on; `seen` is a mark of what is kept of it
    (`tenants.seen`). Raises `Invalid`, with the field, and `ChangedMeanwhile`."""
    locked = Deployment.objects.select_for_update(of=["self"]).select_related("provider").get(pk=deployment.pk)
    refuse_changed(seen, locked.prompting, f"how prompts are put for “{locked.upstream_name}”")
    said = checked(prompting, known_as(locked.provider.dialect))
    _try(said.whole)
    before, after = locked.prompting, said.as_json()
    if after != before:
        locked.prompting = after
        locked.save(update_fields=["prompting"])
        record("deployment.prompting_set", by=by, subject=locked, before=before, after=after)
        announce("route")
    return locked


def _try(prompting: Prompting) -> None:
    """Raise `Invalid` for a chat template that cannot even write down what a user says first."""
    if not prompting.template:
        return
    first = [{"role": "user", "content": PROBE}]
    given = {"messages": first, "add_generation_prompt": True, "bos_token": prompting.bos, "eos_token": prompting.eos}
    try:
        text = rendered(prompting.jinja, given)
    except NotRendered as error:
        raise Invalid(
            f"The chat template does not take the simplest conversation. {error}", field="own_template"
        ) from error
    if PROBE not in text:
        raise Invalid("The chat template leaves out what the user says: read it from “messages”.", field="own_template")
