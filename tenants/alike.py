"""What an address or a short name looks like to a hurried reader: two that look alike have the same skeleton.

After the idea of "skeleton" in Unicode Technical Standard 39, with the letters that are met in addresses: Cyrillic and
Greek look-alikes, digits for letters, accents, full-width forms, and internationalised domains in either spelling.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db.models import CharField, F, Func, Model, QuerySet, Value
from django.db.models.functions import Replace

_LOOKS = str.maketrans(
    {
        **dict(zip("авекмнорстухіјѕԁԛԝһ", "abekmhopctyxijsdqwh", strict=True)),  # Cyrillic
        **dict(zip("αβεικνορτυχ", "abeikvoptux", strict=True)),  # Greek
        **dict(zip("01ıłøđ", "olilod", strict=True)),  # digits, and letters without a decomposition
    }
)


def skeleton(address: str) -> str:
    """What the e-mail `address` looks like; equal for two that can be mistaken for each other."""
    local, _, domain = address.lower().rpartition("@")
    return _look(f"{local}@{_readable(domain)}")


def slug_skeleton(slug: str) -> str:
    """What the short name `slug` looks like: hyphens are passed over, `1`, `i` and `l` are one, so are `0` and `o`,
    `rn` and `m`, `vv` and `w`."""
    return _look(slug.lower().replace("-", ""))


def name_skeleton(name: str) -> str:
    """What the display `name` looks like, whatever stands between its letters."""
    return _look("".join(char for char in name.casefold() if char.isalnum()))


def look_of_slug() -> Replace:
    """`slug_skeleton` of the column `slug`, as the database computes it."""
    text = CharField()
    bare = Func(F("slug"), Value("01i-"), Value("oll"), function="translate", output_field=text)  # and drops the hyphen
    return Replace(Replace(bare, Value("rn"), Value("m")), Value("vv"), Value("w"))


def looking_like[M: Model](rows: QuerySet[M], slug: str) -> QuerySet[M]:
    """Those of `rows` whose short name can be mistaken for `slug`, or is it."""
    found: Any = rows.alias(look=look_of_slug())
    alike: QuerySet[M] = found.filter(look=slug_skeleton(slug))
    return alike


def _look(text: str) -> str:
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
