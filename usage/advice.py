"""What to do when a call did not end well: one sentence for each kind of error the gateway writes down."""

from __future__ import annotations

from usage.models import Call

AGAIN = "Send it again. If it fails again, quote the request id to the platform team."

# By `error_code` (gateway.failures).
BY_CODE = {
    "provider_busy": "The provider takes no more calls at the moment. Send it again a little later.",
    "provider_unreachable": "The provider could not be reached. Send it again; the platform team sees it too.",
    "provider_dropped": "The connection broke in the middle. What had arrived was charged; send it again.",
    "provider_timeout": "The provider did not answer in time. Ask for fewer tokens, or send it again later.",
    "provider_malformed": "The answer could not be read. Quote the request id to the platform team.",
    "provider_misconnected": "The provider did not accept our credential, address or name of the model. Only the "
    "platform team can mend it: quote the request id.",
    "provider_rejected_request": "The provider refused the request itself. Change what its message names.",
}
BY_OUTCOME = {
    Call.Outcome.CANCELLED: "The caller closed the connection or pressed Stop. What was written until then is counted; "
    "nothing has to be done.",
    Call.Outcome.INTERRUPTED: "A process of ours ended in the middle. What was written until then is counted; send "
    "it again.",
    Call.Outcome.FAILED: AGAIN,
}


def advice_on(call: Call) -> str:
    """The sentence for `call`; empty when it ended well."""
    if call.outcome == Call.Outcome.OK:
        return ""
    return BY_CODE.get(call.error_code) or BY_OUTCOME.get(Call.Outcome(call.outcome), AGAIN)
