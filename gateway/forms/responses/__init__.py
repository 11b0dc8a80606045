"""`POST /v1/responses`: OpenAI's Responses. Who has only chats is asked the same as one, and the answer told as a
response.

No response is stored at a provider, whose account all tenants share. Where the environment keeps what is asked and
answered it is stored here, and a request that goes on from it is sent with all that was said (`gateway.responses`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from gateway.asked import Asked, InvalidRequest, checked_object
from gateway.forms.form import Form
from gateway.forms.responses.request import as_chat
from gateway.forms.responses.response import check_repeated
from gateway.forms.responses.writing import ResponsesWriting


class Responses(Form):
    name = "responses"
    path = "/v1/responses"
    writing: ClassVar = ResponsesWriting
    is_stored = True

    def read(self, body: Any) -> Asked:
        body = checked_object(body)
        if body.get("background"):  # it would go on after the answer, and nobody could say what it used
            raise InvalidRequest(
                "Responses in the background are not made here: every call is accounted for while it runs. Leave "
                "“background” out.",
                field="background",
            )
        if not isinstance(body.get("store"), bool | None):
            raise InvalidRequest("“store” must be true or false.", field="store")
        check_repeated(body)
        return Asked(self.name, "chat", body, *as_chat(body))


RESPONSES = Responses()
