"""The forms in which clients ask, by their address.

`CHAT` is neutral: any other form of a conversation is read into it and written out of it, so that each form needs to
know no provider and each provider no form. A provider that takes a form itself is sent it as it came.
"""

from __future__ import annotations

from gateway.forms.chat import CHAT
from gateway.forms.completions import COMPLETIONS
from gateway.forms.embeddings import EMBEDDINGS
from gateway.forms.form import Form
from gateway.forms.responses import RESPONSES

FORMS: dict[str, Form] = {form.path: form for form in (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES)}
