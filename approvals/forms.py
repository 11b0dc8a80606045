"""The forms of governance. They parse; the verbs decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from approvals.models import Board, Vote
from approvals.policies import LONGEST_VALIDITY
from approvals.policy_conditions import COST, LISTS
from approvals.policy_documents import LARGEST
from approvals.stage_rules import ANYBODY, NOBODY
from approvals.subjects import kinds
from tenants.data_classes import DATA_CLASSES
from tenants.forms import OnceForm
from tenants.models import Environment
from tenants.risk.tiers import TIERS

MAX_STAGES = 4


class VoteForm(forms.Form):
    """A reviewer's word, and what of the `checklist` of the stage they have checked."""

    verdict = forms.ChoiceField(choices=Vote.Verdict.choices)
    comment = forms.CharField(
        label="Comment",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Required. The requester reads it, and it is kept with the decision.",
        error_messages={"required": "Say why: the requester and later readers rely on it."},
    )

    def __init__(self, *args: Any, checklist: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["checked"] = forms.MultipleChoiceField(
            label="What you have checked", required=False, choices=[(line, line) for line in checklist],
            widget=forms.CheckboxSelectMultiple, help_text="All of it, before you approve.",
        )  # fmt: skip


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


def _words(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(label=label, max_length=400, required=False, help_text=help_text)


class DocumentForm(forms.Form):
    """Policies as YAML, and why they are changed, for who has to approve it."""

    document = forms.CharField(
        label="Policies", max_length=LARGEST, widget=forms.Textarea(attrs={"rows": 30, "spellcheck": "false"}),
        strip=False,
    )  # fmt: skip
    reason = forms.CharField(
        label="Why is it changed?", max_length=4000, required=False, help_text="Who approves the change reads it."
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
    slug = forms.CharField(
        label="Short name", max_length=60, required=False,
        help_text="A known one gets a new version. Empty: named after what is asked and the environment.",
    )  # fmt: skip
    risk_tiers = _words("Only for these risk tiers", f"Separated by commas: {', '.join(TIERS)}.")
    data_classes = _words("Only for these classes of data", f"Of {', '.join(DATA_CLASSES)}, separated by commas.")
    regions = _words("Only for these regions", "Separated by commas.")
    cost_above_a_month = forms.DecimalField(
        label=f"Only above this cost a month ({settings.CURRENCY})", required=False, min_value=0, max_digits=14
    )
    priority = forms.IntegerField(
        label="Priority", required=False, min_value=-100, max_value=100,
        help_text="Of the policies that fit the highest decides, then the one that asks for most. Empty: 0.",
    )  # fmt: skip
    effective_from = forms.DateTimeField(
        label="In force from (UTC)", required=False, help_text="Such as 2027-01-31 08:00. Empty: at once."
    )
    validity_days = forms.IntegerField(
        label="Approval is valid for (days)",
        required=False,
        min_value=1,
        max_value=LONGEST_VALIDITY,
        help_text="Empty: no end.",
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
            self.fields[f"quorum_{number}"] = forms.CharField(
                label=f"Stage {number}: approvals needed", max_length=3, initial="1", required=False,
                help_text="A number, or “all”.",
            )  # fmt: skip
            self.fields[f"checklist_{number}"] = forms.CharField(
                label=f"Stage {number}: what each member checks", required=False, max_length=5000,
                widget=forms.Textarea(attrs={"rows": 2}), help_text="A sentence a line.",
            )  # fmt: skip
            self.fields[f"veto_{number}"] = forms.CharField(
                label=f"Stage {number}: whose refusal alone refuses", required=False, max_length=1000, initial=ANYBODY,
                help_text=f"“{ANYBODY}”, “{NOBODY}” (only when the quorum is out of reach), or user names.",
            )  # fmt: skip
            if number > 1:
                self.fields[f"beside_{number}"] = forms.BooleanField(
                    label=f"Stage {number} is looked at beside the one before it", required=False
                )

    def when(self) -> dict[str, Any]:
        """The conditions that are named, as `approvals.policy_conditions` reads them."""
        given = self.cleaned_data
        named: dict[str, Any] = {
            name: [word.strip() for word in given[name].split(",") if word.strip()] for name in LISTS if given[name]
        }
        return named | ({COST: given[COST]} if given[COST] is not None else {})

    def condition_fields(self) -> list[forms.BoundField]:
        """Those that narrow the policy, for the page."""
        return [self[name] for name in (*LISTS, COST, "priority", "effective_from")]

    def stages(self) -> list[dict[str, Any]]:
        """The stages that name a board, in their order."""
        return [self._stage(number) for number in self.stage_numbers if self.cleaned_data.get(f"board_{number}")]

    def _stage(self, number: int) -> dict[str, Any]:
        given = self.cleaned_data
        veto = given[f"veto_{number}"].strip() or ANYBODY
        quorum, lines = given[f"quorum_{number}"].strip() or "1", given[f"checklist_{number}"].splitlines()
        return {
            "board": given[f"board_{number}"],
            "quorum": int(quorum) if quorum.isdecimal() else quorum,
            "beside": given.get(f"beside_{number}", False),
            "checklist": [line for line in lines if line.strip()],
            "veto": veto if veto in (ANYBODY, NOBODY) else [name.strip() for name in veto.split(",") if name.strip()],
        }

    def stage_fields(self) -> list[list[forms.BoundField]]:
        """The fields of each stage, for the page."""
        names = ("beside", "board", "quorum", "veto", "checklist")
        return [
            [self[f"{name}_{number}"] for name in names if f"{name}_{number}" in self.fields]
            for number in self.stage_numbers
        ]


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
