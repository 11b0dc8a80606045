"""Variables of a prompt: `{{name}}` becomes a field on the page and its value is put in before sending."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The same pattern is in static/js/playground-prompt.js.
_variable = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,39})\s*\}\}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with every variable that has a value replaced; one without stays as it is written.

    Values are put in as they are and not searched again, so that a value cannot bring in another variable.
    """
    return _variable.sub(lambda found: values.get(found.group(1)) or found.group(0), text)
