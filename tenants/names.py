"""What a short name and a name that people read may hold. A letter that cannot be is named: it may look right."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.deconstruct import deconstructible


@deconstructible(path="django.core.validators.RegexValidator")  # in migrations it is what it always was
class SlugForm(RegexValidator):
    """The form of a short name. A letter of another alphabet is told by its name: on the screen it may look right."""

    def __call__(self, value: Any) -> None:
        foreign = next((char for char in str(value) if not char.isascii()), "")
        try:
            super().__call__(value)
        except ValidationError as error:
            if not foreign:
                raise
            raise ValidationError(f"{called(foreign)} cannot be in a short name. {self.message}", self.code) from error


def called(char: str) -> str:
    """`char` as a reader can tell it from one that looks the same."""
    name = unicodedata.name(char, "").capitalize()
    shown = f"“{char}”" if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}"
    return f"{shown} ({name})" if name else shown


def all_seen(value: str) -> None:
    """Raise `ValidationError` where the one line `value` holds what nobody sees, or what turns the direction of what
    is written after it: with it a name reads like another's."""
    pairs = zip(" " + value, value, strict=False)
    hidden = next((char for before, char in pairs if not char.isprintable() and not _belongs(char, before)), "")
    if hidden:
        raise ValidationError(
            f"{called(hidden)} cannot be seen, and so not be in a name. Type the name again.", "not_seen"
        )


def _belongs(char: str, before: str) -> bool:
    """Blanks that do not break, as in French, and the joiners inside of Persian or Hindi words and of pictures."""
    return unicodedata.category(char) == "Zs" or (char in "\u200c\u200d" and not before.isascii())
