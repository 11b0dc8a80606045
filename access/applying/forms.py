"""The form that takes a tenant's file, uploaded or pasted."""

from __future__ import annotations

from typing import Any

from django import forms

from refusals.yaml_trees import MOST_BYTES
from tenants.forms import VerbForm


class FileForm(VerbForm):
    """A file or its text; `content` is what was given."""

    stands_for = {"document": "text"}

    text = forms.CharField(
        required=False, label="The file", strip=False, max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 22, "class": "form-control at-mono", "spellcheck": "false"}),
        help_text="Change what should be different. What is left out stays as it is.",
    )  # fmt: skip
    file = forms.FileField(
        required=False, label="Or upload one",
        widget=forms.ClearableFileInput(attrs={"accept": ".yaml,.yml,application/yaml,text/yaml"}),
        help_text=f"YAML in UTF-8, at most {MOST_BYTES // 1024:,} KiB. It is taken in place of the text above.",
    )  # fmt: skip
    prune = forms.BooleanField(
        required=False, label="Also remove what the file does not name",
        help_text="Of the lists that it has: members, invitations, projects (archived), limits, budgets.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """One of the two, not too large."""
        given = super().clean() or {}
        file = given.get("file")
        if file and file.size > MOST_BYTES:
            self.add_error("file", f"The file has {file.size:,} bytes; {MOST_BYTES:,} is the most.")
        elif not file and not given.get("text", "").strip() and not self.errors:
            self.add_error("text", "Paste a file here or upload one.")
        return given

    @property
    def content(self) -> bytes | str:
        """What was given, as it came."""
        file = self.cleaned_data.get("file")
        return bytes(file.read()) if file else str(self.cleaned_data["text"])
