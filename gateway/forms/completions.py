"""`POST /v1/completions`: OpenAI's form from before chats. A provider that has only chats is sent the prompt as one."""

from __future__ import annotations

from typing import Any, ClassVar

from gateway.asked import BOUNDS, Asked, InvalidRequest, checked_object, object_in
from gateway.forms.chat import MOST_ANSWERS, ChatWriting, check_answers, check_bounds
from gateway.forms.form import Form
from gateway.forms.shared import refuse_elsewhere

# What a chat has as well, under the same name.
SAME = (
    *BOUNDS, "model", "temperature", "top_p", "n", "stream", "stream_options", "stop", "presence_penalty",
    "frequency_penalty", "logit_bias", "user", "seed",
)  # fmt: skip
ONLY_HERE = ("suffix", "echo", "logprobs", "best_of")


class CompletionsWriting(ChatWriting):
    """Each choice's text beside it instead of in a message."""

    def said(self, chunk: dict[str, Any]) -> dict[str, Any]:
        return _as_completion(chunk)


class Completions(Form):
    name = "completions"
    path = "/v1/completions"
    writing: ClassVar = CompletionsWriting

    def read(self, body: Any) -> Asked:
        """Each prompt is a message of its own in the neutral form, which is the same for one prompt alone."""
        body = checked_object(body)
        refuse_elsewhere(body)
        check_bounds(body)
        prompts = _prompts(body.get("prompt"))
        answers = max(check_answers(body), check_answers(body, "best_of"))
        if answers * len(prompts) > MOST_ANSWERS:
            raise InvalidRequest(f"One call gives at most {MOST_ANSWERS} answers to all its prompts.", field="prompt")
        object_in(body, "stream_options")
        neutral = {name: body[name] for name in SAME if name in body}
        neutral["messages"] = [{"role": "user", "content": prompt} for prompt in prompts]
        if answers * len(prompts) > 1:
            neutral["n"] = answers * len(prompts)
        return Asked(self.name, "chat", body, neutral, _lost(body, len(prompts)))


def _prompts(given: Any) -> list[str]:
    """The prompts as text. Raises `InvalidRequest`."""
    prompts = [given] if isinstance(given, str) else given
    if not isinstance(prompts, list) or not prompts or not all(isinstance(each, str) for each in prompts):
        raise InvalidRequest(
            "“prompt” must be a text, or a list of texts; token numbers are not taken.", field="prompt"
        )
    return prompts


def _lost(body: dict[str, Any], prompts: int) -> str:
    """What a chat could not say."""
    if prompts > 1:
        return "it takes one prompt a call"
    asked = [name for name in ONLY_HERE if body.get(name)]
    return f"it has no “{asked[0]}”" if asked else ""


def _as_completion(chunk: dict[str, Any]) -> dict[str, Any]:
    """`chunk` with the text of each choice; what else it holds that no completion has is left out."""
    told = {name: value for name, value in chunk.items() if name == "usage" or not isinstance(value, dict | list)}
    given = chunk.get("choices")
    choices = [_choice(each) for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return told | {"object": "text_completion", "choices": choices}


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    index, said, reason = choice.get("index"), choice.get("delta") or choice.get("message"), choice.get("finish_reason")
    text = said.get("content") if isinstance(said, dict) else None
    return {
        "index": index if type(index) is int else 0,
        "text": text if isinstance(text, str) else "",
        "logprobs": None,
        "finish_reason": reason if isinstance(reason, str) else None,
    }


COMPLETIONS = Completions()
