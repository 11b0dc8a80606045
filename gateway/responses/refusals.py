"""Why a stored response is not handed out."""

from __future__ import annotations

from gateway.asked import InvalidRequest
from refusals import Refusal

RETRY_AFTER_S = 2


class ResponseNotFound(Refusal):
    """There is none of that name for programs of this environment, whether or not there is one elsewhere."""

    code = "response_not_found"
    status = 404
    title = "There is no such response"


class PreviousNotFound(ResponseNotFound):
    """The same of the one that a request goes on from, or of one before it: the conversation is not whole."""

    code = "previous_response_not_found"


class NothingStored(InvalidRequest):
    """No response is stored in this environment, so none can be gone on from."""

    code = "responses_not_stored"


class StoreUnreachable(Refusal):
    """The database is away. What is stored is not guessed."""

    code = "stored_responses_unreachable"
    status = 503
    title = "Stored responses cannot be read at the moment"

    def __init__(self) -> None:
        super().__init__(
            "Stored responses cannot be read at the moment, as the database does not answer. Try again in a moment, or "
            "send the whole conversation as “input”.",
            retry_after_s=RETRY_AFTER_S,
        )


class StoreBusy(Refusal):
    """The database may well answer, but others are asking it."""

    code = "stored_responses_busy"
    status = 503
    title = "Too many stored responses are read at the moment"

    def __init__(self) -> None:
        super().__init__(
            "Too many stored responses are read at the moment, and this one did not get its turn. Try again in a "
            "moment, with fewer at once.",
            retry_after_s=RETRY_AFTER_S,
        )


class ConversationTooLarge(Refusal):
    code = "conversation_too_large"
    status = 413
    title = "The conversation is too large"


class CannotBeCancelled(InvalidRequest):
    code = "response_not_cancellable"
