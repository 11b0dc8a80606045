"""The forms of directories: they read and clean what was typed; verbs decide."""

from __future__ import annotations

from typing import Any

from django import forms

from tenants.forms import EXPIRIES, OnceForm, VerbForm
from tenants.roles import Role


class DirectoryTokenForm(OnceForm):
    """A token for a directory's service."""

    name = forms.CharField(max_length=80, help_text="Which service uses it, for example “Entra ID”.")
    expiry = forms.ChoiceField(
        choices=[choice for choice in EXPIRIES if choice[0] != "date"], required=False, label="Expires"
    )


class RuleForm(VerbForm):
    """A rule that makes a group into memberships; `tenants` where it is not clear of which tenant."""

    tenant = forms.CharField(max_length=40, label="Tenant", help_text="Its short name.")
    group_name = forms.CharField(
        max_length=254, required=False, label="Group",
        help_text="The name of a group, as the directory or the sign-in service has it. Left empty: everybody of whom "
        "the directory has spoken.",
    )  # fmt: skip
    role = forms.ChoiceField(help_text="Where several rules fit, the strongest role counts.")

    def __init__(self, *args: Any, roles: list[Role], of_platform: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.slug, f"{role.name} — {role.sentence}") for role in roles]
        help_text = self.fields["role"].help_text
        self.fields["role"] = forms.ChoiceField(choices=choices, initial="developer", help_text=help_text)
        if not of_platform:
            del self.fields["tenant"]
