"""The prompting of a deployment as the snapshot holds it: read, with its chat template compiled and measured, once.

Somebody's own template may be slow, so it is tried in a thread, as it is whenever it is used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from catalog.prompting.profile import Prompting, read
from gateway.prompting.written import measured

log = logging.getLogger(__name__)

UNUSABLE: Final = "unusable"  # what was kept cannot be used: its deployment is left out


async def kept_prompting(kept: Mapping[str, Any]) -> Prompting | str | None:
    """The prompting that was `kept`; None for a usual one, `UNUSABLE` for none, which is logged."""
    if not kept:
        return None
    try:
        return await asyncio.to_thread(_ready, kept)
    except Exception:  # whatever is wrong with one must not keep all other routes from being served
        log.exception("The prompting of a deployment cannot be used; the deployment is left out.")
        return UNUSABLE


def _ready(kept: Mapping[str, Any]) -> Prompting | None:
    prompting = read(kept).whole
    if prompting.is_usual:
        return None
    if prompting.template:
        measured(prompting)
    return prompting
