"""The forms of kept content: they read and clean what was typed; verbs decide."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from tenants.forms import VerbForm
from tenants.models import Environment
from usage.bodies.keeping import KEEPS, LONGEST_DAYS, Bound, Keeping
from usage.bodies.tables import Erasure

ABOVE = "above"


class RetentionForm(VerbForm):
    """What is kept at a place; or that it says nothing itself, so that what is above it counts."""

    stands_for: ClassVar[dict[str, str]] = {"media": "with_media"}

    keep = forms.ChoiceField(
        label="What is kept", widget=forms.RadioSelect, choices=(),
        help_text="Where both are, of all calls, answers to /v1/responses are stored too: programs of the environment "
        "read them again and go on from them, as long as they are kept.",
    )  # fmt: skip
    days = forms.IntegerField(
        label="For how many days", min_value=1, max_value=LONGEST_DAYS, required=False,
        help_text="Then it is erased. Content that was kept before goes at the time that it was kept with, or earlier.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )  # fmt: skip
    share = forms.IntegerField(
        label="Of how many calls of a hundred", min_value=1, max_value=100, required=False,
        help_text="100: of all of them. Fewer are chosen by chance.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )  # fmt: skip
    only_failed = forms.BooleanField(label="Only of calls that failed", required=False)
    with_media = forms.BooleanField(
        label="Pictures, sound and files too", required=False,
        help_text="Else their kind, size and SHA-256 stand in their place. Where they were kept before and no longer "
        "are, what was asked in those calls is erased with them.",
    )  # fmt: skip

    def __init__(self, data: Any = None, *, own: Keeping | None, is_tenant: bool) -> None:
        shown = own or Keeping()
        initial = {
            "keep": own.keep if own else ("nothing" if is_tenant else ABOVE),
            "days": shown.days, "share": shown.share, "only_failed": shown.only_failed, "with_media": shown.media,
        }  # fmt: skip
        super().__init__(data, initial=initial)
        words = {
            "nothing": "Nothing", "prompts": "What is asked", "answers": "What is answered", "both": "Both",
        }  # fmt: skip
        above = [] if is_tenant else [(ABOVE, "As it is said above this place")]
        field = self.fields["keep"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [*above, *words.items()]

    @property
    def keeping(self) -> Keeping | None:
        """What was chosen; None: nothing is said here."""
        given = self.cleaned_data
        if given["keep"] == ABOVE:
            return None
        prompts, answers = KEEPS[given["keep"]]
        return Keeping(
            prompts, answers, given["days"] or Keeping().days, given["share"] or 100, given["only_failed"],
            given["with_media"] and prompts,
        )  # fmt: skip


class EraseForm(VerbForm):
    """What is to be erased of a tenant's content, and why."""

    of = forms.ChoiceField(
        label="What is erased",
        widget=forms.RadioSelect,
        choices=[each for each in Erasure.Of.choices if each[0] != Erasure.Of.CALL],
        initial=Erasure.Of.END_USER,
    )
    subject = forms.CharField(
        label="Which",
        max_length=4096,
        help_text="The end user as your calls name them, the key's prefix, or the tenant's short name for everything.",
    )
    reason = forms.CharField(label="Why", max_length=300, help_text="Kept on record. Name nobody in it.")

    def __init__(self, data: Any = None, *, slug: str) -> None:
        super().__init__(data)
        self._slug = slug

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("of") == Erasure.Of.TENANT and given.get("subject") != self._slug:
            self.add_error("subject", f"Type {self._slug} exactly; nothing has happened yet.")
        return given


class BoundForm(VerbForm):
    """How far content may be kept in environments of one kind."""

    is_allowed = forms.BooleanField(label="Tenants may keep content", required=False)
    most_days = forms.IntegerField(
        label="For at most so many days", min_value=1, max_value=LONGEST_DAYS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, kind: str, bound: Bound) -> None:
        super().__init__(data, initial={"is_allowed": bound.is_allowed, "most_days": bound.most_days}, prefix=kind)
        self.kind = kind
        self.label = Environment.Kind(kind).label
