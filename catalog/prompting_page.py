"""The platform team's page of how prompts are put for the model of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from catalog.authority import require_manager
from catalog.models import Deployment
from catalog.prompting import profile
from catalog.prompting.profile import Prompting
from catalog.prompting.sandbox import LONGEST_SOURCE
from catalog.prompting.setting import set_prompting
from refusals import Refusal
from refusals.errors import Missing
from tenants.seen import ChangedMeanwhile, mark_of, shown_anew

_TEXT: dict[str, Any] = {"required": False, "strip": False}
_LINES = {"rows": 4, "spellcheck": "false", "dir": "ltr"}


class PromptingForm(forms.Form):
    """Everything of a prompting; line ends in texts that end an answer are written \\n. `seen` is a mark of what was
    kept when it was shown."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    system = forms.ChoiceField(label="What the system says", choices=list(profile.SYSTEM.items()), required=False)
    prefill = forms.ChoiceField(
        label="A prompt that ends with the beginning of the answer",
        choices=list(profile.PREFILL.items()),
        required=False,
    )
    merges = forms.BooleanField(
        label="The sides alternate: what one says in several messages in a row is put into one", required=False
    )
    begins_with_user = forms.BooleanField(
        label="The user speaks first: before an assistant's message an opening is put", required=False
    )
    tools = forms.ChoiceField(label="Tools", choices=list(profile.TOOLS.items()), required=False)
    images = forms.ChoiceField(label="Images", choices=list(profile.IMAGES.items()), required=False)
    template = forms.ChoiceField(
        label="Chat template",
        choices=list(profile.TEMPLATES.items()),
        required=False,
        help_text="For a model that only completes texts: a chat is written down by it and sent to /completions.",
    )
    own_template = forms.CharField(
        label="Its own chat template",
        max_length=LONGEST_SOURCE,
        widget=forms.Textarea(attrs={**_LINES, "rows": 12}),
        help_text="Jinja, as “chat_template” in the model's tokenizer_config.json. It reads messages, "
        "add_generation_prompt, bos_token and eos_token, and may say raise_exception(…).",
        **_TEXT,
    )
    bos = forms.CharField(
        label="Sign that begins a prompt",
        max_length=profile.LONGEST_SIGN,
        help_text="“bos_token”. Empty where the server puts it there itself, as vLLM and llama.cpp do.",
        **_TEXT,
    )
    eos = forms.CharField(
        label="Sign that ends a turn",
        max_length=profile.LONGEST_SIGN,
        help_text="“eos_token”. Empty: as the known template has it.",
        **_TEXT,
    )
    stops = forms.CharField(
        label="Texts that end an answer",
        max_length=2 * profile.MOST_STOPS * profile.LONGEST_SIGN,
        widget=forms.Textarea(attrs=_LINES),
        help_text="One a line; a line end in one is written \\n. Empty: as the known template has them.",
        **_TEXT,
    )

    @classmethod
    def of(cls, kept: Mapping[str, Any], said: Any = None) -> PromptingForm:
        prompting = profile.read(kept)
        held = {each.name: getattr(prompting, each.name) for each in fields(prompting)}
        stops = "\n".join(each.replace("\n", "\\n") for each in prompting.stops)
        return cls(said, initial=held | {"stops": stops, "seen": mark_of(kept)})

    @property
    def prompting(self) -> Prompting:
        """What was said, once it is valid."""
        said = dict(self.cleaned_data)
        del said["seen"]
        lines = [line.replace("\\n", "\n") for line in said.pop("stops").replace("\r", "").split("\n")]
        said["own_template"] = said["own_template"].replace("\r\n", "\n")
        return Prompting(**said, stops=tuple(filter(None, lines)))


@require_http_methods(["GET", "POST"])
def prompting(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/platform/deployments/<key>/prompts/`"""
    require_manager(request.user)
    found = Deployment.objects.select_related("provider", "version__model").filter(pk=pk).first()
    if found is None:
        raise Missing("There is no such deployment.")
    form = PromptingForm.of(found.prompting, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            seen = form.cleaned_data["seen"]
            set_prompting(deployment=found, prompting=form.prompting, by=request.user, seen=seen)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.sentence)
            if isinstance(refusal, ChangedMeanwhile):
                found.refresh_from_db(fields=["prompting"])
                shown_anew(form, found.prompting)
        else:
            messages.success(request, f"Prompts for {found} are put so, in all processes within a second.")
            return redirect(f"{found.version.model.get_absolute_url()}?tab=prompts")
    status = 422 if form.is_bound else 200
    return render(request, "catalog/prompting.html", {"deployment": found, "form": form}, status=status)
