"""Our refusals in SCIM's words (RFC 7644 §3.12)."""

from __future__ import annotations

from scim2_models import Error, InvalidValueException, SCIMException, UniquenessException
from scim2_server.responses import SCIM_MEDIA_TYPE as SCIM_MEDIA_TYPE

from refusals import Refusal

UNIQUENESS = {"user_name_taken", "address_taken", "group_name_taken"}
INVALID_VALUE = {
    "user_name_not_understood",
    "group_name_not_understood",
    "member_unknown",
    "address_not_understood",
    "invalid",
}


def in_words_of_scim(refusal: Refusal) -> SCIMException | None:
    """The exception that SCIM has for `refusal`; None where the status and the sentence say it."""
    if refusal.code in UNIQUENESS:
        return UniquenessException(detail=refusal.sentence)
    if refusal.code in INVALID_VALUE:
        return InvalidValueException(detail=refusal.sentence)
    return None


def error_of(refusal: Refusal) -> Error:
    """The body of the answer."""
    known = in_words_of_scim(refusal)
    return known.to_error() if known is not None else Error(status=refusal.status, detail=refusal.sentence)
