"""The forms of coming into a tenant: they read and clean what was typed; verbs decide."""

from __future__ import annotations

from typing import Any

from django import forms

from tenants.forms import OnceForm
from tenants.roles import Role


class InviteForm(OnceForm):
    """Somebody to be invited by e-mail."""

    email = forms.CharField(
        max_length=254,
        label="E-mail",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text="Only who has this address can accept. They need no account yet.",
    )
    role = forms.ChoiceField(help_text="What each role may do is on the page Roles.")

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["role"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  # for the type checker
        chosen.choices = [(role.slug, f"{role.name} — {role.sentence}") for role in roles]
        chosen.initial = "developer"
