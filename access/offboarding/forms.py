"""The form with which a tenant leaves."""

from __future__ import annotations

from django import forms

from tenants.forms import VerbForm


class LeaveForm(VerbForm):
    """Why, and the short name typed as a second thought."""

    reason = forms.CharField(max_length=500, label="Why it leaves", help_text="Kept on record with the certificate.")
    confirm_name = forms.CharField(max_length=40, label="Type its short name to go on")

    def __init__(self, data: object = None, *, slug: str) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # a QueryDict
        self._slug = slug

    def clean_confirm_name(self) -> str:
        typed: str = self.cleaned_data["confirm_name"].strip()
        if typed != self._slug:
            raise forms.ValidationError(f"Type {self._slug} exactly; nothing has happened yet.")
        return typed
