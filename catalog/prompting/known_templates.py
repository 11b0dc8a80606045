"""The chat templates that raw models are usually trained with, written here after what their makers publish of them.

Each states what ends an answer, and which conversations it can say. A beginning sign (`bos`) is left empty: servers of
completions, such as vLLM and llama.cpp, put it before a prompt themselves.
"""

from __future__ import annotations

from typing import NamedTuple


class KnownTemplate(NamedTuple):
    """A template: what people call it, its `source` in Jinja, the sign that ends a turn (`eos`), texts that end an
    answer, the `signs` that begin and end turns, and what its conversations must be like: as `Prompting` has these."""

    words: str
    source: str
    eos: str
    stops: tuple[str, ...]
    signs: tuple[str, ...]
    system: str = ""
    merges: bool = False
    begins_with_user: bool = False


CHATML = """\
{% for message in messages %}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""

LLAMA_3 = """\
{{ bos_token }}
{%- for message in messages %}
<|start_header_id|>{{ message.role }}<|end_header_id|>

{{ message.content | trim }}<|eot_id|>
{%- endfor %}
{% if add_generation_prompt %}
<|start_header_id|>assistant<|end_header_id|>

{% endif %}"""

MISTRAL = """\
{{ bos_token }}
{%- for message in messages %}
{% if message.role == "user" %}
[INST] {{ message.content | trim }} [/INST]
{%- elif message.role == "assistant" %}
 {{ message.content | trim }}{{ eos_token }}
{%- else %}
{{ raise_exception("it knows the roles user and assistant alone") }}
{%- endif %}
{% endfor %}"""

GEMMA = """\
{{ bos_token }}
{%- for message in messages %}
<start_of_turn>{{ "model" if message.role == "assistant" else message.role }}
{{ message.content | trim }}<end_of_turn>
{% endfor %}
{% if add_generation_prompt %}
<start_of_turn>model
{% endif %}"""

PLAIN = """\
{% for message in messages %}
{% if message.role == "system" %}
{{ message.content | trim }}

{% else %}
{{ message.role | capitalize }}: {{ message.content | trim }}
{% endif %}
{% endfor %}
{% if add_generation_prompt %}
Assistant:{% endif %}"""

KNOWN: dict[str, KnownTemplate] = {
    "chatml": KnownTemplate(
        "ChatML (Qwen, SmolLM, Hermes and many more)", CHATML, "<|im_end|>", ("<|im_end|>",),
        ("<|im_start|>", "<|im_end|>"),
    ),
    "llama-3": KnownTemplate(
        "Llama 3 Instruct", LLAMA_3, "<|eot_id|>", ("<|eot_id|>",),
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "mistral": KnownTemplate(
        "Mistral Instruct", MISTRAL, "</s>", ("</s>",), ("[INST]", "[/INST]", "</s>"), "none",
        merges=True, begins_with_user=True,
    ),
    "gemma": KnownTemplate(
        "Gemma", GEMMA, "<end_of_turn>", ("<end_of_turn>",), ("<start_of_turn>", "<end_of_turn>"), "none",
        merges=True, begins_with_user=True,
    ),
    "plain": KnownTemplate(
        "Plain: “User:” and “Assistant:”", PLAIN, "", ("\nUser:",), ("\nUser:", "\nAssistant:"),
    ),
}  # fmt: skip
OWN = "own"
