"""The same call as code: curl, Python and JavaScript, ready to be pasted, with the key left to the environment.

Every text of a person goes through JSON (and the shell's quoting), so that no prompt can break out of its string.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tenants.models import Environment


@dataclass(frozen=True)
class Snippet:
    """One language: its name, what to install first, and the code."""

    language: str
    title: str
    code: str


def base_url() -> str:
    """Where clients reach `/v1`."""
    return f"{settings.PUBLIC_URL}/v1"


def key_variable(environment: Environment) -> str:
    """The name under which the snippets look for the key: `ATRIUM_KEY_CARD_SUPPORT_DEVELOPMENT`."""
    return f"ATRIUM_KEY_{environment.project.slug}_{environment.kind}".upper().replace("-", "_")


def snippets(environment: Environment, body: Mapping[str, Any], purpose: str = "") -> list[Snippet]:
    """`body`, streamed, in every language, with the `purpose` that is stated beside it; the same for all of them."""
    variable = key_variable(environment)
    return [
        Snippet("bash", "curl", _curl(environment, body, variable, purpose)),
        Snippet("python", "Python (pip install openai)", _python(environment, body, variable, purpose)),
        Snippet("javascript", "JavaScript (npm install openai)", _javascript(environment, body, variable, purpose)),
    ]


def _curl(environment: Environment, body: Mapping[str, Any], variable: str, purpose: str) -> str:
    stated = f'  -H "x-atrium-purpose: {purpose}" \\\n' if purpose else ""
    payload = json.dumps({**body, "stream": True}, indent=2, ensure_ascii=False)
    return (
        f"# A key of {environment.path}\n"
        f"curl --no-buffer {base_url()}/chat/completions \\\n"
        f'  -H "Authorization: Bearer ${variable}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"{stated}"
        f"  -d {shlex.quote(payload)}\n"
    )


def _python(environment: Environment, body: Mapping[str, Any], variable: str, purpose: str) -> str:
    stated = f'    extra_headers={{"x-atrium-purpose": "{purpose}"}},\n' if purpose else ""
    arguments = "".join(f"    {name}={_python_value(value)},\n" for name, value in body.items())
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(\n    base_url="{base_url()}",\n'
        f'    api_key=os.environ["{variable}"],  # a key of {environment.path}\n)\n'
        f"stream = client.chat.completions.create(\n{arguments}    stream=True,\n{stated})\n"
        "for chunk in stream:\n    if chunk.choices:\n"
        '        print(chunk.choices[0].delta.content or "", end="", flush=True)\n'
    )


def _python_value(value: Any) -> str:
    """JSON of texts, numbers, lists and objects is Python too, once it is indented."""
    return json.dumps(value, indent=4, ensure_ascii=False).replace("\n", "\n    ")


def _javascript(environment: Environment, body: Mapping[str, Any], variable: str, purpose: str) -> str:
    stated = f', {{\n  headers: {{ "x-atrium-purpose": "{purpose}" }},\n}}' if purpose else ""
    payload = json.dumps({**body, "stream": True}, indent=2, ensure_ascii=False)
    return (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{\n  baseURL: "{base_url()}",\n'
        f"  apiKey: process.env.{variable}, // a key of {environment.path}\n}});\n"
        f"const stream = await client.chat.completions.create({payload}{stated});\n"
        'for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n'
    )
