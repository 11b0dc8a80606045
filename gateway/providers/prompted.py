"""A kind of provider with prompts put as the model of a deployment takes them (`gateway.prompting`).

What a client says in its provider's own form, or as a text to complete, is in the model's own terms and goes on as it
came, unless the model has not what is in it. All else is put so in the neutral form first, and then to the kind; for a
model that completes texts, it is written down.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from catalog.dialects import Listing
from catalog.prompting.known_templates import OWN
from catalog.prompting.profile import Prompting
from gateway.answering import Answering
from gateway.asked import Asked, InvalidRequest
from gateway.counting import Template
from gateway.prompting.completing import RAW_FORM, as_completion, cannot_complete
from gateway.prompting.shaping import MOST_WORDS, is_begun, refused, shaped
from gateway.prompting.written import WrittenTemplate, as_text, measured
from gateway.providers.compatible.completed import CompletedReading
from gateway.providers.provider import Provider, Reading, Request
from gateway.snapshot import Target
from gateway.stop import Stop
from gateway.upstream import Upstream


class Prompted(Provider):
    """`kind` for a deployment whose `prompting` is not the usual one."""

    def __init__(self, kind: Provider, prompting: Prompting) -> None:
        self.kind, self.prompting = kind, prompting
        self.streams_as = kind.streams_as  # type: ignore[misc]  # each kind has its own
        self.is_slow = prompting.template == OWN
        self._written = measured(prompting) if prompting.template else None
        self.template: Template = self._written or _with_words(kind.template)

    @property
    def spoken(self) -> Provider:
        return self.kind

    @property
    def patience_s(self) -> float:  # type: ignore[override]
        return self.kind.patience_s

    def listing(self, base_url: str, credential: str) -> Listing | None:
        return self.kind.listing(base_url, credential)

    def cannot(self, asked: Asked) -> str:
        if asked.operation == "chat" and (why := refused(asked.neutral, self.prompting)):
            return why
        if self._goes_as_it_came(asked):
            return self.kind.cannot(asked)
        if self._written is None:
            return asked.lost or self.kind.cannot(replace(asked, form="chat", body=asked.neutral))
        if not self.kind.has_completions:
            return "its model completes texts, and what serves it now takes none. The platform team has to look"
        return asked.lost or cannot_complete(asked.neutral, self.prompting)

    def request(self, target: Target, asked: Asked) -> Request:
        return self.kind.request(target, asked if self._goes_as_it_came(asked) else self.put(target, asked))

    def put(self, target: Target, asked: Asked) -> Asked:
        """What the kind is asked instead, for `target`. Raises `InvalidRequest`."""
        if self._written is not None:
            messages = asked.neutral["messages"]
            text = as_text(messages, self.prompting)
            if self.is_slow and len(text.encode("utf-8", "replace")) > self._written.most(messages):
                raise InvalidRequest(
                    "The chat template of the model makes more of this prompt than was reserved for it. The platform "
                    "team has to look at the template."
                )
            body = as_completion(asked.neutral, text, self.prompting, target, is_bounded=asked.is_bounded)
            return replace(asked, form=RAW_FORM, body=body, lost="")
        return self._neutral(asked)

    async def send(
        self, upstream: Upstream, target: Target, request: Request, timeout_s: float, stop: Stop
    ) -> Answering:
        return await self.kind.send(upstream, target, request, timeout_s, stop)

    def reading(self, asked: Asked) -> Reading:
        if self._goes_as_it_came(asked):
            return self.kind.reading(asked)
        return self.kind.reading(replace(asked, form="chat")) if self._written is None else CompletedReading(asked)

    def _goes_as_it_came(self, asked: Asked) -> bool:
        if asked.operation != "chat" or asked.form == RAW_FORM:
            return True
        return self._written is None and asked.form != "chat" and self.kind.takes(asked.form)

    def _neutral(self, asked: Asked) -> Asked:
        """The same in the neutral form, with its messages as the model takes them."""
        messages = asked.neutral["messages"]
        put = shaped(messages, self.prompting)
        more: dict[str, Any] = {}
        if is_begun(put) and self.prompting.prefill == "continued":
            more = {"add_generation_prompt": False, "continue_final_message": True}
        elif is_begun(put) and self.prompting.prefill == "kept" and self.kind.marks_begun:
            put = [*put[:-1], put[-1] | self.kind.marks_begun]
        body = asked.neutral | {"messages": put} | more
        return replace(asked, form="chat", body=body, neutral=body)


@lru_cache(maxsize=4096)
def prompted(kind: Provider, prompting: Prompting) -> Provider:
    """`kind` with prompts put as `prompting` says; made once for both."""
    return Prompted(kind, prompting)


def _with_words(template: Template) -> Template:
    """What `template` adds, and the words that a prompt may be given: as many bytes at most."""
    return WrittenTemplate(
        template.a_message,
        template.a_reply,
        template.own_system_message,
        bytes_a_message=template.a_message,
        bytes_at_all=template.a_reply + template.own_system_message + MOST_WORDS,
    )
