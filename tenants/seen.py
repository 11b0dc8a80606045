"""Whether what somebody changes is still what they were shown: a form carries a mark of the values that it was filled
with, and a verb refuses to write over what somebody else changed meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from typing import Any

from django.forms import BaseForm

from refusals.errors import Conflict


class ChangedMeanwhile(Conflict):
    code = "changed_meanwhile"
    title = "Somebody else changed it meanwhile"


def mark_of(values: Mapping[str, Any]) -> str:
    """A short mark of plain values, the same for the same values only."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def refuse_changed(seen: str | None, now: Mapping[str, Any], what: str) -> None:
    """Raise `ChangedMeanwhile` where the mark `seen` is of other values than those of `now`; None: nobody asks."""
    if seen is not None and seen != mark_of(now):
        raise ChangedMeanwhile(
            f"Somebody else changed {what} after you had opened this page, so nothing of yours was saved. What you "
            "typed is still here: compare it with how it is now, and save again if it is still what you want."
        )


def shown_anew(form: BaseForm, now: Mapping[str, Any]) -> None:
    """Let a form that was refused so carry the mark of the values of `now`: who saves it again has been told of them,
    and would be refused for ever with the mark of what is gone."""
    typed: Any = copy(form.data)  # what was posted cannot be changed, its copy can
    typed[form.add_prefix("seen")] = mark_of(now)
    form.data = typed
