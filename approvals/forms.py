"""The forms of governance. They parse; the verbs decide."""

from __future__ import annotations

from typing import Any

from django import forms

from approvals.models import Board, Vote
from approvals.subjects import kinds
from tenants.forms import OnceForm
from tenants.models import Environment

MAX_STAGES = 4


class VoteForm(forms.Form):
    """A reviewer's word."""

    verdict = forms.ChoiceField(choices=Vote.Verdict.choices)
    comment = forms.CharField(
        label="Comment",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Required. The requester reads it, and it is kept with the decision.",
        error_messages={"required": "Say why: the requester and later readers rely on it."},
    )


class ReasonForm(forms.Form):
    """Why an approval is suspended or resumed."""

    reason = forms.CharField(
        label="Why?",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: the requester and later readers rely on it."},
    )


class RevisionForm(forms.Form):
    """What is asked, as its author changes it before it is sent; a kind of subject has more fields of its own."""

    reason = forms.CharField(
        label="What is it for?",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="The people who decide read this first.",
        error_messages={"required": "Say what it is for: the people who decide read this first."},
    )


class CommentForm(OnceForm):
    """A word in the conversation."""

    text = forms.CharField(
        label="Comment",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write something first."},
    )


class PolicyForm(forms.Form):
    """A new version of a policy: up to four stages, each a board and its quorum."""

    subject_kind = forms.ChoiceField(label="What is asked")
    environment_kind = forms.ChoiceField(
        label="Environment",
        required=False,
        choices=[("", "Any that has no policy of its own"), *Environment.Kind.choices],
    )
    sentence = forms.CharField(
        label="Why it is so", max_length=300, help_text="One sentence. People read it on their request."
    )
    validity_days = forms.IntegerField(
        label="Approval is valid for (days)", required=False, min_value=1, max_value=3650, help_text="Empty: no end."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        boards = [("", "No further stage"), *((board.slug, board.name) for board in Board.objects.all())]
        self.stage_numbers = range(1, MAX_STAGES + 1)
        self.fields["subject_kind"] = forms.ChoiceField(
            label="What is asked", choices=[(kind.slug, kind.name) for kind in kinds()]
        )
        for number in self.stage_numbers:
            self.fields[f"board_{number}"] = forms.ChoiceField(
                label=f"Stage {number}: board", choices=boards if number > 1 else boards[1:], required=number == 1
            )
            self.fields[f"quorum_{number}"] = forms.IntegerField(
                label=f"Stage {number}: approvals needed", min_value=1, max_value=99, initial=1, required=False
            )

    def stages(self) -> list[dict[str, Any]]:
        """The stages that name a board, in their order."""
        given = self.cleaned_data
        return [
            {"board": given[f"board_{number}"], "quorum": given[f"quorum_{number}"] or 1}
            for number in self.stage_numbers
            if given.get(f"board_{number}")
        ]

    def stage_fields(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Board and quorum of each stage, for the page."""
        return [(self[f"board_{number}"], self[f"quorum_{number}"]) for number in self.stage_numbers]


class SeatForm(forms.Form):
    """Who takes a seat."""

    user = forms.CharField(label="Username or e-mail", max_length=254)


class BoardWordsForm(forms.Form):
    """What a board is called and looks after."""

    name = forms.CharField(label="Name", max_length=80)
    purpose = forms.CharField(label="What it looks after", max_length=300, required=False)


class BoardForm(BoardWordsForm):
    """A new board."""

    slug = forms.CharField(
        label="Short name",
        max_length=40,
        help_text="Part of addresses and policies; it stays. Lower-case letters, digits and hyphens.",
    )
