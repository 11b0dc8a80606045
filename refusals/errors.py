"""The base of every refusal."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """Something was asked that a rule does not allow.

    `code` is stable and for programs, `status` the HTTP status, `title` the kind in a few words.
    `sentence` (the instance's text) says what happened, why, and what to do; it is shown as it is, so it
    must hold no secret. `way_out` is the path of the page where the reader can ask for it or mend it.
    `field` names the form field at fault. `facts` are further safe values for programs.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "This was refused"

    def __init__(
        self,
        sentence: str,
        *,
        way_out: str = "",
        field: str = "",
        retry_after_s: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.way_out = way_out
        self.field = field
        self.retry_after_s = retry_after_s
        self.facts = facts


class Forbidden(Refusal):
    """The person may see the object but lacks the permission named in `facts['permission']`."""

    code = "permission_required"
    status = 403
    title = "You need a permission for this"


class Missing(Refusal):
    """There is no such object, or it belongs to somebody else: the reader cannot tell which."""

    code = "not_found"
    status = 404
    title = "Not found"


class Conflict(Refusal):
    """Somebody else was first, or the object is not in a state that allows this."""

    code = "conflict"
    status = 409
    title = "This changed in the meantime"


class Invalid(Refusal):
    """A value given is not acceptable; `field` names it."""

    code = "invalid"
    status = 422
    title = "Please check what you entered"
