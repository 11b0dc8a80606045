"""The form by which a person gives evidence; it parses, the verb decides."""

from __future__ import annotations

from typing import Any

from django import forms

from approvals.attachments.tables import Attachment
from approvals.evidence.giving import MAX_LINK, MAX_NAME, MAX_SOURCE, MAX_TEXT
from approvals.models import Request
from tenants.forms import OnceForm


class EvidenceForm(OnceForm):
    """A piece of evidence: words, an address or a document."""

    name = forms.CharField(label="What it is", max_length=MAX_NAME, help_text="As “Data protection assessment”.")
    text = forms.CharField(
        label="What it says", max_length=MAX_TEXT, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    link = forms.CharField(
        label="Address", max_length=MAX_LINK, required=False, widget=forms.URLInput(attrs={"placeholder": "https://"})
    )
    document = forms.ModelChoiceField(
        label="Document", queryset=Attachment.objects.none(), required=False, empty_label="None",
        help_text="One that is attached to this request.",
    )  # fmt: skip
    source = forms.CharField(
        label="Where it is from", max_length=MAX_SOURCE, required=False, help_text="Empty: from you."
    )
    expires_on = forms.DateField(
        label="Holds until", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Its last day (UTC). Afterwards it counts as stale. Empty: it does not grow old.",
    )  # fmt: skip

    def __init__(self, *given: Any, request: Request, **named: Any) -> None:
        super().__init__(*given, **named)
        field = self.fields["document"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = request.attachments.all()
