"""Install the clients into a folder, serve the gateway, run every example, and say which worked.

`python -m tests.clients [FOLDER]`. FOLDER keeps the clients (a Python environment and `node_modules`) for another time;
they are fetched from the package indexes that pip and npm are set up for. This is no part of the check, which reaches
no network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ground import embedded_database
from tests.chaos.gateways import Gateways
from tests.clients.upstream import answers
from tests.gateway.provider import Provider

HERE = Path(__file__).parent
PYTHON = ["openai", "anthropic", "langchain-openai", "langchain-anthropic", "llama-index-llms-openai-like", "litellm"]
NODE = ["openai", "@anthropic-ai/sdk", "ai", "@ai-sdk/openai-compatible", "zod"]


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="atrium-clients-"))
    _install(folder)
    failed = 0
    with embedded_database(), Provider() as provider:
        from tests.faults.team import key_for

        provider.behaves(answers)
        key = key_for(provider.url)
        with Gateways(1) as gateways:
            address = f"http://127.0.0.1:{gateways.ports[0]}"
            given = {
                "OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": key, "ANTHROPIC_BASE_URL": address,
                "ANTHROPIC_API_KEY": key, "MODEL": "echo-model", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            }  # fmt: skip
            for name, command in _examples(folder):
                ended = subprocess.run(
                    command, env=os.environ | given, capture_output=True, text=True, timeout=180, check=False
                )
                failed += bool(ended.returncode)
                print(f"{'FAILED' if ended.returncode else 'ok':<8}{name}", flush=True)
                if ended.returncode:
                    print((ended.stdout + ended.stderr)[-2500:])
    return int(bool(failed))


def _install(folder: Path) -> None:
    python, node = folder / "py", folder / "js"
    if not python.is_dir():
        subprocess.run([sys.executable, "-m", "venv", str(python)], check=True)
        subprocess.run([str(python / "bin/pip"), "install", "--quiet", *PYTHON], check=True)
    if shutil.which("npm") and not (node / "node_modules").is_dir():
        node.mkdir(parents=True, exist_ok=True)
        (node / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NODE], cwd=node, check=True)


def _examples(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for script in sorted((HERE / "python").glob("*.py")):
        yield script.stem, [str(folder / "py/bin/python"), str(script)]
    yield "curl", ["sh", str(HERE / "curl.sh")]
    if shutil.which("node"):
        for script in sorted((HERE / "node").glob("*.mjs")):  # node looks for modules beside the script
            beside = folder / "js" / script.name
            shutil.copy(script, beside)
            yield f"{script.stem} (node)", ["node", str(beside)]


if __name__ == "__main__":
    sys.exit(main())
