import gc
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.checkpoint import build
from weir.infra.local.children import answers, child, connects, free_ports
from weir.transforms.judge.vllm.settings import VllmSettings

# What makes vLLM usable on two cores without a GPU and without a network; read as it is imported.
FOR_A_CPU = {
    "TORCHDYNAMO_DISABLE": "1",  # compiling takes 28 s of the first generation, and saves none
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the worker runs inside the one engine process
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
os.environ |= FOR_A_CPU
# The real numbers are for real models; this one needs eight tokens to have said nothing.
REASONING_TOKENS = 8
# At temperature 0 dummy weights would say the same of every post.
CACHE_BYTES = 1 << 30
SETTINGS = (
    "load_format=dummy,enforce_eager=true,max_num_seqs=32,temperature=1,hang_seconds=45,"
    f"kv_cache_memory_bytes={CACHE_BYTES}"
)
_SERVER_SECONDS = 500.0  # 65 by itself


def pytest_configure(config: pytest.Config) -> None:
    # Not ours to mend: what vLLM, torch and the libraries below them warn of as they are imported.
    for theirs in ("vllm", "torch", "transformers", "importlib", "xgrammar", "multiprocessing"):
        config.addinivalue_line("filterwarnings", rf"ignore::Warning:{theirs}(\..*)?")
    # vLLM leaves the closing of its sockets' context to the garbage collector.
    for said in (
        "Unclosed context:ResourceWarning",
        ".*Context.__del__:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", f"ignore:{said}")


def pytest_sessionfinish() -> None:
    # Those of the last engines would be collected after the filters above have ended.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # an engine starts in 40 s on an idle machine, and in minutes on a busy one
        item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def checkpoint(pytestconfig: pytest.Config) -> Path:
    """The folder of a tiny gpt-oss checkpoint."""
    return build(pytestconfig.cache.mkdir("tiny-gpt-oss"))


@pytest.fixture(scope="session")
def settings(checkpoint: Path) -> VllmSettings:
    """Settings with which the engine runs the checkpoint on a CPU."""
    return VllmSettings.parse(SETTINGS, model=str(checkpoint), reasoning_tokens=REASONING_TOKENS)


@pytest.fixture(scope="session")
def engine(settings: VllmSettings):
    """One real engine for the whole session."""
    from weir.transforms.judge.vllm.engine import VllmEngine

    engine = VllmEngine(settings)
    yield engine
    engine.close()


@dataclass(frozen=True)
class Server:
    """An OpenAI-compatible server, and the model that it serves."""

    base_url: str
    model: str


@pytest.fixture(scope="session")
def vllm_server(checkpoint: Path) -> Iterator[Server]:
    """The real vLLM OpenAI-compatible server, on a free loopback port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += [f"--model={checkpoint}", "--served-model-name=judge", "--load-format=dummy"]
    command += ["--host=127.0.0.1", f"--port={port}", "--enforce-eager"]
    command += ["--max-model-len=10240", "--max-num-seqs=16", "--generation-config=vllm"]
    command += [f"--kv-cache-memory-bytes={CACHE_BYTES}"]
    command += ['--structured-outputs-config={"backend": "xgrammar"}']
    # The tests' own death kills the server, and this the engine that the server started.
    command += ["--worker-extension-cls=weir.transforms.judge.vllm.child.EndsWithHost"]
    with child(
        "vLLM's OpenAI-compatible server",
        command,
        lambda: connects(port) and answers(port, "/health"),
        seconds=_SERVER_SECONDS,
        grace=20.0,
        environment={"WEIR_ENGINE_HOST": str(os.getpid())},
    ):
        yield Server(f"http://127.0.0.1:{port}/v1", "judge")
