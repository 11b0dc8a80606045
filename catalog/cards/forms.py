"""The forms of a model version's card: by its parts, as a whole, its licence and terms, and who answers for it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from catalog.cards.keeping import LONGEST_WHY, MOST_TERMS_BYTES
from catalog.cards.metadata import listed
from catalog.cards.parts import PARTS
from catalog.cards.reading import MOST_BYTES, Card
from catalog.cards.writing import with_field, with_part
from catalog.models import TermsText
from tenants.forms import PersonField, VerbForm
from tenants.seen import mark_of

_MONO: dict[str, Any] = {"class": "form-control at-mono", "spellcheck": "false", "dir": "ltr"}
TEXTS = ("license", "license_name", "license_link", "pipeline_tag")
LISTS = ("language", "tags", "datasets", "metrics", "base_model")
LONGEST = {"license": 80, "license_name": 160, "license_link": 300, "pipeline_tag": 80} | dict.fromkeys(LISTS, 2000)
_LINES = forms.Textarea(attrs={"rows": 3})


class _Why(VerbForm):
    """What every change of a card carries: why, and a mark of the edition that was shown."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    why = forms.CharField(
        max_length=LONGEST_WHY, label="Why it changes", help_text="One line, shown with this edition for ever."
    )


class CardForm(_Why):
    """A card by its facts and parts. What a field does not hold is left in the card as it stands."""

    stands_for = {"text": "intended_use"}

    license = forms.CharField(required=False, label="Licence", help_text="Its SPDX name, such as apache-2.0, or other.")
    license_name = forms.CharField(required=False, label="Name of the licence, where it is another")
    license_link = forms.CharField(required=False, label="Where the licence stands")
    pipeline_tag = forms.CharField(required=False, label="Task", help_text="Such as text-generation.")
    language = forms.CharField(
        required=False, label="Languages", help_text="One a line, as en or pt-BR.", widget=_LINES
    )
    tags = forms.CharField(required=False, label="Tags", help_text="One a line.", widget=_LINES)
    base_model = forms.CharField(required=False, label="Made from", help_text="One model a line.", widget=_LINES)
    datasets = forms.CharField(required=False, label="Data sets", help_text="One a line.", widget=_LINES)
    metrics = forms.CharField(required=False, label="Metrics", help_text="One a line.", widget=_LINES)

    def __init__(self, card: Card, seen: dict[str, Any], said: Any = None) -> None:
        held = {name: str(card.metadata.get(name) or "") for name in TEXTS}
        held |= {name: "\n".join(listed(card.metadata.get(name))) for name in LISTS}
        super().__init__(said, initial={**held, "seen": mark_of(seen)})
        self.held = held
        self.card = card
        for part in PARTS:
            self.fields[part.key] = forms.CharField(
                required=False,
                strip=False,
                max_length=MOST_BYTES,
                label=part.label,
                help_text=f"{part.question} Markdown.",
                initial=card.part(part.key),
                widget=forms.Textarea(attrs={"rows": 5}),
            )
        self.order_fields([*TEXTS, *LISTS, *(part.key for part in PARTS), "why", "seen"])

    def clean(self) -> dict[str, Any]:
        """What was changed is not too long; what stays as it was may be."""
        given = super().clean() or {}
        for name, most in LONGEST.items():
            if self._is_changed(name) and len(given.get(name, "")) > most:
                self.add_error(name, f"This has at most {most:,} signs.")
        return given

    def _is_changed(self, name: str) -> bool:
        return _as_lines(self.data.get(self.add_prefix(name), "")) != _as_lines(self.held[name])

    @property
    def changed(self) -> Card:
        """The card with what was said, once it is valid."""
        said, card = self.cleaned_data, self.card
        for name in filter(self._is_changed, TEXTS):
            card = with_field(card, name, said[name])
        for name in filter(self._is_changed, LISTS):
            card = with_field(card, name, [each for each in _as_lines(said[name]) if each])
        for part in PARTS:
            card = with_part(card, part.key, said[part.key])
        return card

    @property
    def facts(self) -> list[forms.BoundField]:
        """The fields of the YAML."""
        return [self[name] for name in (*TEXTS, *LISTS)]

    @property
    def parts(self) -> list[forms.BoundField]:
        """The fields of the text."""
        return [self[part.key] for part in PARTS]


class WholeCardForm(_Why):
    """A card as a file or as its text."""

    text = forms.CharField(
        required=False, label="The card", strip=False, max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 22, **_MONO}),
        help_text="YAML between two lines of ---, then Markdown. Names that are not known here are kept as they are.",
    )  # fmt: skip
    file = forms.FileField(
        required=False, label="Or upload one",
        widget=forms.ClearableFileInput(attrs={"accept": ".md,.markdown,text/markdown,text/plain"}),
        help_text=f"A README.md in UTF-8, at most {MOST_BYTES // 1024:,} KiB. It is taken in place of the text above.",
    )  # fmt: skip
    field_order = ["text", "file", "why", "seen"]

    def clean(self) -> dict[str, Any]:
        """One of the two, not too large."""
        given = super().clean() or {}
        file = given.get("file")
        if file and file.size > MOST_BYTES:
            self.add_error("file", f"The file has {file.size:,} bytes; {MOST_BYTES:,} is the most.")
        elif not file and not given.get("text", "").strip() and not self.errors:
            self.add_error("text", "Paste a card here or upload one.")
        return given

    @property
    def content(self) -> bytes | str:
        """What was given, as it came."""
        file = self.cleaned_data.get("file")
        return bytes(file.read()) if file else str(self.cleaned_data["text"])


class TermsForm(VerbForm):
    """The text of a licence or of terms, and where it was read."""

    kind = forms.ChoiceField(choices=TermsText.Kind, label="What it is")
    name = forms.CharField(max_length=160, help_text="As its author calls it, for example “Apache License 2.0”.")
    source_url = forms.CharField(max_length=300, label="Where it was read", help_text="Its address: https://…")
    read_on = forms.DateField(
        required=False, label="When it was read", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: today.",
    )  # fmt: skip
    text = forms.CharField(
        strip=False, max_length=MOST_TERMS_BYTES, label="The text",
        widget=forms.Textarea(attrs={"rows": 12, **_MONO}),
        help_text="The whole text. It is kept with its hash and never changed; what is read later is kept beside it.",
    )  # fmt: skip


class OwnerForm(VerbForm):
    """Who answers for a version, and when they look at it again."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    owner = PersonField(
        required=False, max_length=150, label="Who answers for it", help_text="User name or e-mail of a person here."
    )
    next_review_on = forms.DateField(
        required=False, label="Next review", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The day by which they look at its card, its risk and its use again.",
    )  # fmt: skip

    @classmethod
    def of(cls, held: dict[str, str], said: Any = None) -> OwnerForm:
        return cls(said, initial={**held, "seen": mark_of(held)})

    @property
    def review(self) -> dt.date | None:
        return self.cleaned_data["next_review_on"]


def _as_lines(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")]
