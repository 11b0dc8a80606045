"""How a prompt has to be put so that the model of a deployment takes it: its *prompting*.

A deployment that says nothing of it is asked as its kind of provider is: then nothing is done to a prompt but what the
kind's own form asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from jinja2 import Template

from catalog.dialects import Dialect
from catalog.prompting.known_templates import KNOWN, OWN
from catalog.prompting.sandbox import LONGEST_SOURCE, TemplateRefused, compiled, ours
from refusals.errors import Invalid

USUAL = ""
SYSTEM = {
    USUAL: "As its kind of provider has them",
    "system": "With the role “system”; “developer” becomes that",
    "developer": "With the role “developer”; “system” becomes that",
    "none": "It has none: they are put before what the user says first",
}
PREFILL = {
    USUAL: "Sent as it comes: its server decides",
    "kept": "The model goes on with it",
    "continued": "The model goes on with it, as vLLM and SGLang are asked for that (“continue_final_message”)",
    "instruction": "It does not: it is asked in words to begin so",
    "refused": "It does not: such a prompt is refused",
}
TOOLS = {USUAL: "Sent as they come", "refused": "It has none: such a prompt is refused"}
IMAGES = {USUAL: "Sent as they come", "refused": "It sees none: such a prompt is refused"}
TEMPLATES = {
    USUAL: "None: its server takes chats",
    **{name: known.words for name, known in KNOWN.items()},
    OWN: "One of its own, below",
}
MOST_STOPS, LONGEST_SIGN = 8, 100


@dataclass(frozen=True, slots=True)
class Prompting:
    """`system`, `prefill`, `tools`, `images` and `template` are keys of the tables above. `merges`: what one side says
    in several messages in a row is put into one; `begins_with_user`: what the assistant says cannot come first.

    With a `template` the model completes texts, and knows no chats: the conversation is written down by it. `bos` and
    `eos` are the signs that it is given; `stops` end an answer (with none of its own, those of the known template do).
    """

    system: str = USUAL
    prefill: str = USUAL
    merges: bool = False
    begins_with_user: bool = False
    tools: str = USUAL
    images: str = USUAL
    template: str = USUAL
    own_template: str = ""
    bos: str = ""
    eos: str = ""
    stops: tuple[str, ...] = ()

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing to do that the kind of provider does not."""
        return self == PLAIN

    @property
    def source(self) -> str:
        """The chat template; empty without one."""
        return self.own_template if self.template == OWN else KNOWN[self.template].source if self.template else ""

    @property
    def jinja(self) -> Template:
        """The chat template, ready to be rendered. Raises `TemplateRefused`."""
        return compiled(self.own_template) if self.template == OWN else ours(self.source)

    @property
    def signs(self) -> tuple[str, ...]:
        """What a known template begins and ends turns with, so that nobody's text may hold it; a line end stands for
        the beginning of a line. Nobody knows those of another template."""
        if (known := KNOWN.get(self.template)) is None:
            return ()
        own = (each for each in (self.bos, self.eos) if each.strip() and each not in known.signs)
        return (*known.signs, *own)

    @property
    def whole(self) -> Prompting:
        """With what the known template says by itself."""
        if (known := KNOWN.get(self.template)) is None:
            return self
        return replace(
            self,
            system=self.system or known.system,
            merges=self.merges or known.merges,
            begins_with_user=self.begins_with_user or known.begins_with_user,
            eos=self.eos or known.eos,
            stops=self.stops or known.stops,
        )

    def as_json(self) -> dict[str, Any]:
        """What is not usual of it, as it is kept and told."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        usual = {each.name: each.default for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value != usual[name]
        }


PLAIN = Prompting()


def read(kept: Mapping[str, Any]) -> Prompting:
    """A prompting as it was kept. What a newer version kept beside it is passed over."""
    names = {each.name for each in fields(Prompting)}
    said: dict[str, Any] = {name: value for name, value in kept.items() if name in names}
    return Prompting(**{**said, "stops": tuple(said.get("stops", ()))})


def checked(prompting: Prompting, kind: Dialect) -> Prompting:
    """`prompting` as a deployment at a provider of this `kind` may have it. Raises `Invalid`, with the field."""
    choices = {"system": SYSTEM, "prefill": PREFILL, "tools": TOOLS, "images": IMAGES, "template": TEMPLATES}
    for name, table in choices.items():
        if getattr(prompting, name) not in table:
            known = ", ".join(filter(None, table))
            raise Invalid(f"“{name}” is one of {known}, or empty.", field=name)
    if kind.system_in and prompting.system in ("system", "developer"):
        raise Invalid(
            f"{kind.words} has a place of its own for what the system says (“{kind.system_in}”), and no role. Leave it "
            "as its kind has it, or say that the model has none.",
            field="system",
        )
    _check_template(prompting, kind)
    if prompting.template and prompting.prefill == "continued":
        raise Invalid("With a chat template the model simply goes on: choose that.", field="prefill")
    if prompting.prefill == "continued" and not kind.has_completions:
        raise Invalid("Only servers that speak as OpenAI does are asked so.", field="prefill")
    if len(prompting.stops) > MOST_STOPS or not all(0 < len(each) <= LONGEST_SIGN for each in prompting.stops):
        raise Invalid(f"At most {MOST_STOPS} texts end an answer, each of 1 to {LONGEST_SIGN} signs.", field="stops")
    for name in ("bos", "eos"):
        if len(getattr(prompting, name)) > LONGEST_SIGN:
            raise Invalid(f"Such a sign has at most {LONGEST_SIGN} letters.", field=name)
    return prompting if prompting.template else replace(prompting, own_template="", bos="", eos="", stops=())


def _check_template(prompting: Prompting, kind: Dialect) -> None:
    if prompting.template and not kind.has_completions:
        raise Invalid(
            f"{kind.words} has no completions of texts, so no chat template can be used with it.", field="template"
        )
    if prompting.template != OWN:
        return
    if not prompting.own_template.strip():
        raise Invalid("Put the chat template here, or choose a known one.", field="own_template")
    if len(prompting.own_template) > LONGEST_SOURCE:
        raise Invalid(f"A chat template has at most {LONGEST_SOURCE:,} characters.", field="own_template")
    try:
        compiled(prompting.own_template)
    except TemplateRefused as refused:
        where = f"Line {refused.line} of it" if refused.line else "It"
        raise Invalid(
            f"The chat template cannot be used. {where}: {refused.reason}.", field="own_template"
        ) from refused
