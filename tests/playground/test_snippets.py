"""The same call as code: it runs, and no prompt breaks out of its string."""

from __future__ import annotations

import ast
import json
import subprocess

import pytest

from playground.snippets import snippets
from tests.cast import Cast

NASTY = 'it\'s "quoted" `ticks` $HOME $(id) \\n \\ \n</script>${x} {{y}} 👋 \u2028 שלום'
BODY = {
    "model": "gpt-x",
    "messages": [{"role": "system", "content": NASTY}, {"role": "user", "content": NASTY}],
    "temperature": 0.5,
    "max_tokens": 20,
    "stop": ["a'b", "\n"],
}


@pytest.fixture
def code(cast: Cast, settings) -> dict[str, str]:
    settings.PUBLIC_URL = "https://atrium.example.test"
    return {snippet.language: snippet.code for snippet in snippets(cast.environment(), BODY)}


def test_curl_sends_exactly_the_body(code: dict[str, str]) -> None:
    assert "https://atrium.example.test/v1/chat/completions" in code["bash"]
    assert "$ATRIUM_KEY_SUPPORT_DEVELOPMENT" in code["bash"]
    script = code["bash"].replace("curl --no-buffer", "show", 1)
    shell = 'show() { while [ $# -gt 1 ]; do shift; done; printf "%s" "$1"; }\n' + script
    sent = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout
    assert json.loads(sent) == {**BODY, "stream": True}


def test_python_calls_with_exactly_the_body(code: dict[str, str]) -> None:
    tree = ast.parse(code["python"])
    call = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "client.chat.completions.create"
    )
    assert {k.arg: ast.literal_eval(k.value) for k in call.keywords} == {**BODY, "stream": True}
    assert 'base_url="https://atrium.example.test/v1"' in code["python"]
    assert 'os.environ["ATRIUM_KEY_SUPPORT_DEVELOPMENT"]' in code["python"]


def test_javascript_calls_with_exactly_the_body(code: dict[str, str]) -> None:
    start = code["javascript"].index("create(") + len("create(")
    body, _ = json.JSONDecoder().raw_decode(code["javascript"][start:])
    assert body == {**BODY, "stream": True}
    assert "process.env.ATRIUM_KEY_SUPPORT_DEVELOPMENT" in code["javascript"]


def test_a_purpose_is_stated_beside_the_body(cast: Cast) -> None:
    code = {snippet.language: snippet.code for snippet in snippets(cast.environment(), BODY, "customer-support")}
    assert '-H "x-atrium-purpose: customer-support"' in code["bash"]
    tree = ast.parse(code["python"])
    keywords = {word.arg: ast.unparse(word.value) for node in ast.walk(tree) if isinstance(node, ast.Call)
                for word in node.keywords}  # fmt: skip
    assert keywords["extra_headers"] == "{'x-atrium-purpose': 'customer-support'}"
    start = code["javascript"].index("create(") + len("create(")
    _, end = json.JSONDecoder().raw_decode(code["javascript"][start:])
    assert code["javascript"][start + end :].startswith(', {\n  headers: { "x-atrium-purpose": "customer-support" }')
