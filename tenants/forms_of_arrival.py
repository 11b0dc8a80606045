"""The forms of coming into a tenant: they read and clean what was typed; verbs decide."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO, TextIOWrapper
from typing import Any

from django import forms

from tenants.forms import OnceForm, VerbForm
from tenants.invitation_list import MOST_BYTES, MOST_ROWS
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
        self.fields["role"] = _role_of(roles, self.fields["role"].help_text)


def _role_of(roles: list[Role], text: Any, *, label: str = "Role") -> forms.ChoiceField:
    choices = [(role.slug, f"{role.name} — {role.sentence}") for role in roles]
    return forms.ChoiceField(choices=choices, initial="developer", help_text=text, label=label)


class ListForm(VerbForm):
    """A list of people to invite, as a file or pasted."""

    file = forms.FileField(
        required=False, label="A file", widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text=f"CSV in UTF-8, at most {MOST_ROWS:,} lines: an e-mail address and a role each.",
    )  # fmt: skip
    text = forms.CharField(
        required=False, label="Or pasted", strip=False, widget=forms.Textarea(attrs={"rows": 8}),
        help_text="One person a line, as in: ann@example.com, developer",
    )  # fmt: skip
    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"] = _role_of(roles, "For lines that name none.", label="Role")

    def clean(self) -> dict[str, Any]:
        """One of the two, not too long."""
        given = super().clean() or {}
        file, text = given.get("file"), given.get("text", "")
        if bool(file) == bool(text.strip()) and not self.errors:
            self.add_error("text", "Choose a file or paste a list, one of the two.")
        if file and file.size > MOST_BYTES:
            self.add_error("file", f"The file has {file.size:,} bytes; {MOST_BYTES:,} is the most. Send it in parts.")
        return given

    @property
    def lines(self) -> Iterable[str]:
        """The lines of what was sent, read one by one."""
        file = self.cleaned_data.get("file")
        if file:
            return TextIOWrapper(file, encoding="utf-8-sig", newline="")
        return StringIO(self.cleaned_data["text"], newline="")


class JoinForm(OnceForm):
    """Somebody wants to be let in."""

    tenant = forms.CharField(
        max_length=40, label="Short name of the team", help_text="As in its address; ask a colleague who is in it."
    )
    sentence = forms.CharField(
        max_length=500, label="Why?", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who you are and what you would do there. Its owners and admins read it.",
    )  # fmt: skip
