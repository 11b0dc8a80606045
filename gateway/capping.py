"""How far the parameters of a call may go by the conditions of its grant.

What goes beyond is refused and never changed silently. What is left out gets the bound where every kind of provider
understands that in the same way; where that is not so (how hard to think), it has to be said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from access.conditions import EFFORTS, Conditions
from gateway.asked import BOUNDS, Asked
from gateway.attachments import parts_beside_text
from gateway.effort import effort_of
from gateway.overflow import is_longer
from gateway.providers.parts import inside, object_of

# The bound of an answer by its name in each form, and in the neutral one.
BOUND, BOUND_IN = "max_tokens", {"responses": "max_output_tokens"}
NEUTRAL_BOUND_IN = {"responses": "max_completion_tokens"}
LENGTHS = ("max_output_tokens", *BOUNDS)
EFFORT_IN = {"messages": "output_config", "responses": "reasoning"}
# Where a chat may say how hard to think in the words of one provider, which cannot be compared with a bound.
OTHER_EFFORTS = (
    "reasoning", "thinking", "thinking_budget", "thinking_budget_tokens", "thinking_token_budget", "enable_thinking",
    "reasoning_budget", "reasoning_budget_tokens", "reasoning_max_tokens", "prompt_mode", "chat_template_kwargs",
    "extra_body",
)  # fmt: skip
# llama.cpp's, by which the temperature is not the one that is stated: it moves around that, or is not applied.
OTHER_TEMPERATURES = ("dynatemp_range", "samplers")
USUAL_TEMPERATURE = 1.0


class Beyond(Exception):
    """`sentence` goes on after who may call what; `field` is the parameter."""

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.sentence, self.field = sentence, field


def capped(held: Conditions, asked: Asked) -> Asked:
    """`asked` within what is held to, itself where nothing had to be filled in. Raises `Beyond`."""
    if held.max_input_tokens is not None and is_longer(asked, held.max_input_tokens):
        raise Beyond(
            f"with prompts of at most {held.max_input_tokens:,} tokens, and this one has more. Send a shorter one.",
            _turns_of(asked),
        )
    if asked.operation == "embeddings":
        return asked
    if not held.streaming and asked.is_streamed:
        raise Beyond("without streams. Leave “stream” out and take the answer as a whole.", "stream")
    if held.max_answers is not None and asked.answers > held.max_answers:
        raise Beyond(f"with at most {held.max_answers} answers to a call, and this one asks for {asked.answers}.", "n")
    if not held.attachments and _has_attachments(asked):
        raise Beyond("with text only, and this call has an image, a file or a sound. Leave it out.", _turns_of(asked))
    if held.tools is not None:
        _check_tools(held.tools, asked)
    if held.max_effort:
        asked = _check_effort(held.max_effort, asked)
    if held.max_output_tokens is not None:
        asked = _bounded(held.max_output_tokens, asked)
    if held.min_temperature is not None or held.max_temperature is not None:
        asked = _tempered(held, asked)
    return asked


def no_longer_than(held: Asked, asked: Asked) -> Asked:
    """`asked` with the bound that was put into `held`, for which the call has reserved, where it allows more."""
    own = BOUND_IN.get(asked.form, BOUND)
    if not held.is_bounded or (asked.is_bounded and asked.body[own] <= held.body[own]):
        return asked
    return _with(asked, own, NEUTRAL_BOUND_IN.get(asked.form, own), held.body[own], is_bounded=True)


def _bounded(most: int, asked: Asked) -> Asked:
    body = asked.body
    stated = {name: body[name] for name in LENGTHS if body.get(name) is not None}
    for name, value in stated.items():
        if type(value) is not int or value > most:
            raise Beyond(f"with answers of at most {most:,} tokens. Ask for no more than that with “{name}”.", name)
    own = BOUND_IN.get(asked.form, BOUND)
    # A chat knows three names of a bound; one of another form goes out with it and may bound nothing.
    if own in stated or (asked.form == "chat" and any(name in stated for name in BOUNDS)):
        return asked
    return _with(asked, own, NEUTRAL_BOUND_IN.get(asked.form, own), most, is_bounded=True)


def _tempered(held: Conditions, asked: Asked) -> Asked:
    allowed = f"{held.coolest:g} to {held.hottest:g}"
    for name in OTHER_TEMPERATURES:
        if asked.body.get(name) not in (None, 0):
            raise Beyond(f"with a temperature from {allowed}, said with “temperature” alone. Leave “{name}” out.", name)
    value = asked.body.get("temperature")
    if value is None:
        usual = min(max(USUAL_TEMPERATURE, held.coolest), held.hottest)
        return _with(asked, "temperature", "temperature", usual)
    if type(value) not in (int, float) or not held.coolest <= value <= held.hottest:
        raise Beyond(f"with a temperature from {allowed}. Change “temperature”.", "temperature")
    return asked


def _check_tools(allowed: frozenset[str], asked: Asked) -> None:
    for field in ("tools", "functions"):
        given = asked.body.get(field)
        for tool in given if isinstance(given, list) else [given] if given else ():
            name = next((each for each in _names_of(tool, asked.form) if each not in allowed), None)
            if name is not None:
                only = f"the tools {', '.join(sorted(allowed))} only" if allowed else "no tools"
                raise Beyond(f"with {only}, and this call offers “{name[:60]}”. Leave it out.", field)


def _names_of(tool: Any, form: str) -> list[str]:
    """Every name that some provider may read in `tool`: which one is read, the forms do not agree on."""
    kind = inside(tool, "type")
    places = (inside(tool, "name"), inside(tool, "function", "name"), inside(tool, "custom", "name"))
    names = [str(value) for value in places if value is not None]
    if form == "responses" and kind not in ("function", "custom"):  # it is known by its type, whatever it calls itself
        names.append(str(kind))
    return names or [str(kind or "a tool without a name")]


def _check_effort(most: str, asked: Asked) -> Asked:
    """With `most` in words. In Anthropic's form, who switches thinking off says so."""
    body, field = asked.body, EFFORT_IN.get(asked.form, "reasoning_effort")
    for name in OTHER_EFFORTS if asked.form in ("chat", "completions") else ():
        if body.get(name):
            raise Beyond(f"with a reasoning effort of at most {most}. Say it with “{field}”, not “{name}”.", name)
    effort = (body if asked.form == "completions" else asked.neutral).get("reasoning_effort")
    if asked.form == "messages":
        thinking = object_of(body.get("thinking"))
        if effort is None and thinking.get("type") == "disabled":
            return dataclasses.replace(asked, neutral=asked.neutral | {"reasoning_effort": "none"})
        if (budget := thinking.get("budget_tokens")) is not None:  # beside a word it may say more
            if type(budget) is not int:
                whole = "State “budget_tokens” as a whole number."
                raise Beyond(f"with a reasoning effort of at most {most}. {whole}", "thinking")
            effort = max(effort_of(budget, body.get("max_tokens") or 0), effort or "none", key=_rank)
    if effort is None:
        raise Beyond(f"with a reasoning effort of at most {most}, which each call has to state (“{field}”).", field)
    if _rank(effort) > _rank(most):
        raise Beyond(f"with a reasoning effort of at most {most}. Lower “{field}”.", field)
    return asked


def _rank(effort: Any) -> int:
    """Its place in the order; of an unknown word above all."""
    return EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS)


def _has_attachments(asked: Asked) -> bool:
    """Whether anything is in the prompt, in either form of it, that is no text."""
    found = asked.found
    if found.has_attachments is None:
        found.has_attachments = any(parts_beside_text(turns) for turns in _all_turns(asked))
    return found.has_attachments


def _all_turns(asked: Asked) -> Iterator[Any]:
    yield asked.neutral.get("messages")
    if asked.body is not asked.neutral:
        yield asked.body.get(_turns_of(asked))


def _turns_of(asked: Asked) -> str:
    return {"responses": "input", "embeddings": "input", "completions": "prompt"}.get(asked.form, "messages")


def _with(asked: Asked, name: str, neutral_name: str, value: Any, *, is_bounded: bool = False) -> Asked:
    """What was left out, put in: the same object where the form is the neutral one."""
    body = asked.body | {name: value}
    neutral = body if asked.body is asked.neutral else asked.neutral | {neutral_name: value}
    return dataclasses.replace(asked, body=body, neutral=neutral, is_bounded=asked.is_bounded or is_bounded)
