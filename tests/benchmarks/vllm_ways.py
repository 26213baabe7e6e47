"""The same requests at vLLM without Weir: AsyncLLM itself, and Beam's own RunInference.

RunInference starts a server of its own, with the settings of the engine it is compared with.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import RunInference
from apache_beam.ml.inference.vllm_inference import VLLMCompletionsModelHandler

from tests.benchmarks.judging import Measured, measured, requests
from weir.pipelines.runners import IN_PROCESS
from weir.policies.policy import PolicySet
from weir.transforms.judge.engine import Request
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.judge.harmony.structure import FINAL_TOKENS, structural_tag
from weir.transforms.judge.vllm.core import _arguments
from weir.transforms.judge.vllm.engine import VllmEngine

_NUMBERS = count()  # an engine never sees a request id twice


def all_at_once(engine: VllmEngine, asked: Sequence[Request]) -> Measured:
    """Drive the engine's own AsyncLLM, with every prompt rendered before the clock starts."""
    core = engine._core
    assert core is not None, "it has started"
    prompts = [
        (list(render(each.policy, each.text).tokens), core._sampling_of(each.policy))
        for each in asked
    ]
    ended: list[float] = []

    async def one(tokens: list[int], sampling: Any) -> None:
        name = f"direct-{next(_NUMBERS)}"
        async for _ in core._engine.generate({"prompt_token_ids": tokens}, sampling, name):
            pass
        ended.append(time.monotonic())

    async def every() -> None:
        await asyncio.gather(*(one(*prompt) for prompt in prompts))

    started = time.monotonic()
    engine._loop.call(every())
    return measured([started] * len(ended), ended, started, max(ended))


class _Timed(VLLMCompletionsModelHandler):
    """Beam's handler, that notes its servers, and when each batch began and ended."""

    def load_model(self) -> Any:
        _SERVERS.append(super().load_model())
        return _SERVERS[-1]

    def run_inference(self, batch: Sequence[Any], model: Any, inference_args: Any = None) -> Any:
        began = time.monotonic()
        results = list(super().run_inference(batch, model, inference_args))
        _BATCHES.append((began, time.monotonic(), len(results)))
        return results


_BATCHES: list[tuple[float, float, int]] = []
_SERVERS: list[Any] = []


def by_run_inference(
    engine: VllmEngine, batches: Sequence[pa.RecordBatch], policies: PolicySet
) -> tuple[Measured, list[int]]:
    """Send the prompts through RunInference; return also how large the batches were.

    Its inference arguments are one set for all, so every answer is held to the form of the first
    policy's. An answer is there when its batch is.
    """
    settings = engine._settings
    budget = settings.reasoning_tokens
    tag = structural_tag(policies.policies[0], budget)
    arguments = {
        "max_tokens": budget + FINAL_TOKENS,
        "temperature": settings.temperature,
        "extra_body": {
            "stop_token_ids": [harmony.RETURN, harmony.CALL, harmony.ENDOFTEXT],
            "structured_outputs": {"structural_tag": tag},
        },
    }
    prompts = [list(render(each.policy, each.text).tokens) for each in requests(batches, policies)]
    handler = _Timed(settings.model, _flags(engine), max_batch_size=settings.max_num_seqs)
    _BATCHES.clear()
    started = time.monotonic()
    pipeline = beam.Pipeline(IN_PROCESS)
    _ = (
        pipeline
        | beam.Create(prompts, reshuffle=False)
        | RunInference(handler, inference_args=arguments)
    )
    try:
        pipeline.run().wait_until_finish()
    finally:  # its own way is a destructor, and an interpreter that exits may call none
        while _SERVERS:
            _SERVERS.pop()._stop_processes()
    began = [first for first, _, size in _BATCHES for _ in range(size)]
    ended = [last for _, last, size in _BATCHES for _ in range(size)]
    return measured(began, ended, started, max(ended)), [size for _, _, size in _BATCHES]


def _flags(engine: VllmEngine) -> dict[str, str | None]:
    """Return the engine's settings as those of vLLM's server."""
    settings = _arguments(engine._settings.model, engine._settings)
    del settings["model"], settings["worker_extension_cls"]  # the server's worker has no host
    flags: dict[str, str | None] = {"host": "127.0.0.1"}
    for name, value in settings.items():
        if value is None or value is False:
            continue
        text = json.dumps(value) if isinstance(value, dict) else str(value)
        flags[name.replace("_", "-")] = None if value is True else text
    return flags
