"""The forms of a tenant's own roles: they read and clean what was typed; verbs decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from tenants.forms import VerbForm
from tenants.roles import Role
from tenants.scoping import words


class RoleForm(VerbForm):
    """A role: its name, its sentence, and what it may; `permissions` are those that whoever fills it in holds."""

    slug = forms.CharField(
        max_length=20, label="Short name", help_text="For lists, files and programs; it stays. For example “support”."
    )
    name = forms.CharField(max_length=40, help_text="As people know it, for example “Support”.")
    sentence = forms.CharField(max_length=200, label="What it is for", help_text="One sentence.")
    permissions = forms.MultipleChoiceField(
        label="May",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="You can give what you hold yourself. To see the tenant is always part of it.",
    )
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, *args: Any, permissions: Iterable[str], is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["permissions"]
        assert isinstance(chosen, forms.MultipleChoiceField)  # noqa: S101  # for the type checker
        chosen.choices = [(permission, words(permission)) for permission in permissions]
        if is_new:
            del self.fields["seen"]
        else:
            del self.fields["slug"]


class RetireRoleForm(VerbForm):
    """To which role those go who have one that ends."""

    move_to = forms.ChoiceField(label="Who has it gets the role", required=False)

    def __init__(self, *args: Any, roles: Iterable[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["move_to"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  # for the type checker
        chosen.choices = [("", "Choose a role"), *((role.slug, f"{role.name} — {role.sentence}") for role in roles)]
