"""The form of a webhook: where to, and which events."""

from __future__ import annotations

from django import forms

from notices.webhooks.addresses import LONGEST_URL
from notices.webhooks.events import GROUPS
from tenants.forms import VerbForm


class EndpointForm(VerbForm):
    """Where events go and which."""

    url = forms.CharField(
        label="Address",
        max_length=LONGEST_URL,
        help_text="https://, reached from the internet. What is sent is signed: your program can tell it is us.",
        widget=forms.URLInput(attrs={"placeholder": "https://hooks.example.com/atrium"}),
    )
    description = forms.CharField(label="What it is for", max_length=120, required=False)
    events = forms.MultipleChoiceField(
        label="Events",
        choices=[(name, list(verbs.items())) for name, verbs in GROUPS],
        widget=forms.CheckboxSelectMultiple,
        help_text="Only these are sent.",
    )


class NewEndpointForm(EndpointForm):
    """A new one: done once however often it is sent."""

    once = forms.CharField(widget=forms.HiddenInput, max_length=100)
