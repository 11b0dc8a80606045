"""The classes of data that are sent to models: one list of words in which use cases, environments, providers and grants
speak of it. They are no ladder: who may see personal data may not see business secrets for that.
"""

from __future__ import annotations

from collections.abc import Iterable

from refusals.errors import Invalid

DATA_CLASSES = {
    "public": "Public: anybody may read it",
    "internal": "Internal: not for outsiders, harmless if it got out",
    "confidential": "Confidential: business secrets, contracts, source code",
    "personal": "Personal: names, addresses, anything about a person who can be identified",
    "special": "Special categories: health, beliefs, origin, biometrics",
}


def checked(given: Iterable[str], field: str = "data_classes") -> list[str]:
    """Each class of `given` once, in the order of the list. Raises `Invalid` for a word that is none."""
    named = {each.strip().lower() for each in given if each.strip()}
    if unknown := sorted(named - DATA_CLASSES.keys()):
        raise Invalid(f"“{unknown[0][:40]}” is no class of data. There are {', '.join(DATA_CLASSES)}.", field=field)
    return [each for each in DATA_CLASSES if each in named]


def in_order(classes: Iterable[str]) -> str:
    """Those classes as a sentence has them: `internal, personal`."""
    held = set(classes)
    return ", ".join(each for each in DATA_CLASSES if each in held)
