"""Why something was refused: the one base error, its status and the facts that are safe to show.

A rule raises a `Refusal` of its own kind beside the rule; two edges translate it: `portal.edge` for pages,
`portal.api.problems` for the API (RFC 9457) and `gateway.wire_errors` for `/v1` (OpenAI's error shape).
"""

from refusals.errors import Refusal

__all__ = ["Refusal"]
