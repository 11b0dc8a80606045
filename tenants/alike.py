"""What an e-mail address looks like to a hurried reader: two that look alike have the same skeleton.

After the idea of "skeleton" in Unicode Technical Standard 39, with the letters that are met in addresses: Cyrillic and
Greek look-alikes, digits for letters, accents, full-width forms, and internationalised domains in either spelling.
"""

from __future__ import annotations

import unicodedata

_LOOKS = str.maketrans(
    {
        **dict(zip("авекмнорстухіјѕԁԛԝһ", "abekmhopctyxijsdqwh", strict=True)),  # Cyrillic
        **dict(zip("αβεικνορτυχ", "abeikvoptux", strict=True)),  # Greek
        **dict(zip("01ıłøđ", "olilod", strict=True)),  # digits, and letters without a decomposition
    }
)


def skeleton(address: str) -> str:
    """What `address` looks like; equal for two that can be mistaken for each other."""
    local, _, domain = address.lower().rpartition("@")
    text = f"{local}@{_readable(domain)}"
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text).casefold()
        text = "".join(char for char in decomposed if not unicodedata.combining(char))
    return text.translate(_LOOKS).replace("rn", "m").replace("vv", "w").replace("i", "l")


def _readable(domain: str) -> str:
    """An internationalised domain as it is shown."""
    if "xn--" not in domain:
        return domain
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain
