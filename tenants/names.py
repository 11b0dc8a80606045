"""What a short name and a name that people read may hold. A letter that cannot be is named: it may look right."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.deconstruct import deconstructible

from refusals import Refusal

UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}  # categories of Unicode: controls, directions, nobody's, halves, lines
BLANK = {*"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"}  # letters and marks that show nothing
FLAG, TAGS = "\U0001f3f4", {chr(code) for code in range(0xE0020, 0xE0080)}  # England's, Scotland's, Wales's


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
    found = next(_hidden(value), "")
    if found:
        raise ValidationError(
            f"{called(found)} cannot be seen, and so not be in a name. Type the name again.", "not_seen"
        )


def require_form(form: Callable[[str], None], value: str, refusal: type[Refusal], *, field: str) -> None:
    """Raise `refusal` of `field` in the words of `form`, a check that raises `ValidationError`, where `value` fails."""
    try:
        form(value)
    except ValidationError as error:
        raise refusal(" ".join(error.messages), field=field) from error


def without_hidden(value: str) -> str:
    """`value` as far as it is seen: a service that tells of people is not refused for how it writes a name."""
    hidden = {*_hidden(value)}
    return "".join(char for char in value if char not in hidden).strip()


def _hidden(value: str) -> Iterator[str]:
    """The characters of `value` that hide or turn. One that is newer than our tables is taken to be seen."""
    for before, char in zip(" " + value, value, strict=False):
        if (unicodedata.category(char) in UNSEEN or char in BLANK) and not _belongs(char, before):
            yield char


def _belongs(char: str, before: str) -> bool:
    """The joiners inside of Persian or Hindi words and of pictures, and the letters inside of a flag."""
    return (char in "\u200c\u200d" and not before.isascii()) or (char in TAGS and before in TAGS | {FLAG})
