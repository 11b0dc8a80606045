"""Which deployment a call is sent to, which ones are tried after it, and what is known of each: `Router` holds it for
one event loop, a `Choice` is made for one call.
"""

from gateway.routing.attempting import Attempt
from gateway.routing.choosing import Choice
from gateway.routing.router import Router

__all__ = ["Attempt", "Choice", "Router"]
