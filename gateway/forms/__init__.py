"""The forms in which clients ask, by their address.

`CHAT` is neutral: any other form of a conversation is read into it and written out of it, so that each form needs to
know no provider and each provider no form. A provider that takes a form itself is sent it as it came.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.forms.chat import CHAT
from gateway.forms.completions import COMPLETIONS
from gateway.forms.embeddings import EMBEDDINGS
from gateway.forms.form import Form
from gateway.forms.messages import MESSAGES
from gateway.forms.responses import RESPONSES

FORMS: dict[str, Form] = {form.path: form for form in (CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES)}


def form_of(path: str, header: Callable[[bytes], str]) -> Form:
    """In which a request to `path` is answered: the form at that address or above it, else its client's, as one of the
    headers tells, else OpenAI's."""
    if path in FORMS:
        return FORMS[path]
    above = [form for form in FORMS.values() if path.startswith(f"{form.path}/")]
    marked = [form for form in FORMS.values() if form.mark and header(form.mark)]
    return next(iter(above or marked), CHAT)
