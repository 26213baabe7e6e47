"""One running vLLM engine: its start, one completion, its end. All in one event loop."""

import asyncio
import dataclasses
import gc
import multiprocessing
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.policies.policy import Policy
from weir.transforms.judge.engine import EngineError, EngineStartError
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.structure import FINAL_TOKENS, label_tokens, structural_tag
from weir.transforms.judge.vllm.child import CAUSE, HOST, EndsWithHost
from weir.transforms.judge.vllm.settings import VllmSettings
from weir.transforms.judge.vllm.supervisor import EngineDiedError

if TYPE_CHECKING:
    from vllm import RequestOutput, SamplingParams

_GRACE_SECONDS = 5.0
_RETENTION = "prefix_cache_retention_interval"  # not of every vLLM
_MEMORY = (
    "out of memory",
    "OutOfMemoryError",
    "No available memory for the cache blocks",
    "larger than the available KV cache",
    "less than desired",
    "Error in memory profiling",
)


@dataclass(frozen=True)
class Call:
    """One completion to be generated."""

    request_id: str  # of no other call
    prompt: Sequence[int]
    policy: Policy


class VllmCore:
    """An AsyncLLM and the processes that it started."""

    def __init__(
        self, engine: Any, processes: Sequence[BaseProcess], settings: VllmSettings
    ) -> None:
        self._engine = engine
        self._processes = processes
        self._settings = settings
        self._sampling: dict[str, SamplingParams] = {}
        self.last_progress = time.monotonic()
        self.block_tokens = int(engine.vllm_config.cache_config.block_size)  # of the prefix cache

    @classmethod
    async def start(cls, model: str, settings: VllmSettings) -> "VllmCore":
        """Start an engine with the model in a folder or on the hub.

        It takes a minute, in which the loop does nothing else. EngineStartError says in a sentence
        what is in the way.
        """
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        beats: list[VllmCore] = []

        def beat(*_: Any, **__: Any) -> Any:
            return _heartbeat(beats)

        before = set(multiprocessing.active_children())
        with tempfile.TemporaryDirectory(prefix="weir-") as folder:
            cause = Path(folder) / "cause"
            environment = {HOST: str(os.getpid()), CAUSE: str(cause)} | _environment(settings)
            before_start = {name: os.environ.get(name) for name in environment}
            os.environ.update(environment)
            # A fork of a process with Beam's threads in it may never get a lock they held.
            os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
            try:
                arguments = AsyncEngineArgs(**_arguments(model, settings))
                engine = AsyncLLM.from_engine_args(arguments, stat_loggers=[beat])
            except Exception as error:  # whatever vLLM raises here, there is no engine
                for process in _cores(before):
                    process.kill()
                said = cause.read_text(encoding="utf-8") if cause.exists() else _said(error)
                raise EngineStartError(_explained(said, settings)) from error
            finally:
                _restore(before_start)
        core = cls(engine, _cores(before), settings)
        beats.append(core)
        del engine  # an error that vLLM met, and kept, as it was imported keeps this frame
        return core

    @property
    def cache_tokens(self) -> int:
        """Return how many tokens the KV cache holds."""
        cache = self._engine.vllm_config.cache_config
        tokens = getattr(cache, "kv_cache_size_tokens", None)
        return int(tokens or (cache.num_gpu_blocks or 1) * cache.block_size)

    @property
    def process_ids(self) -> list[int]:
        """Return the processes that hold the model."""
        return [process.pid for process in self._processes if process.pid is not None]

    async def answer(self, call: Call) -> "RequestOutput":
        """Generate one completion. Cancelling it stops the work on it.

        Raises EngineDiedError, or EngineError where vLLM refuses the request or fails on it.
        """
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        generated = self._engine.generate(
            {"prompt_token_ids": list(call.prompt)}, self._sampling_of(call.policy), call.request_id
        )
        output = None
        try:
            async for each in generated:
                output = each
        except EngineDeadError as error:
            raise EngineDiedError from error
        except EngineGenerateError as error:
            if self._engine.errored:
                raise EngineDiedError from error
            raise EngineError("engine_error", f"vLLM failed on it: {_said(error)}") from error
        except VLLMClientError as error:  # its messages count tokens, and quote none
            raise EngineError("refused", f"vLLM refused it: {_said(error)}") from error
        if output is None or not output.finished:
            raise EngineError("engine_error", "vLLM ended without an answer")
        if output.outputs[0].finish_reason in ("abort", "error"):
            raise EngineError("engine_error", "vLLM gave it up")
        return output

    def kill(self) -> None:
        """End its processes by force; whoever waits for an answer gets EngineDiedError."""
        for process in self._processes:
            process.kill()

    async def stop(self) -> None:
        """End the engine and its processes, and leave nothing for the garbage collector to say."""
        from vllm.v1.engine.exceptions import EngineDeadError

        engine, self._engine = self._engine, None
        if engine is not None:
            # Shutting it down cancels what would have told those who wait for answers.
            engine.output_processor.propagate_error(EngineDeadError())
            engine.shutdown()
            await asyncio.sleep(0)  # its sockets are closed in the loop's next round
            # It is part of a cycle, and its destructor fails where the interpreter is on its way
            # out: so it goes now.
            del engine
            gc.collect()
        for process in self._processes:
            process.join(_GRACE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join(_GRACE_SECONDS)

    def _sampling_of(self, policy: Policy) -> "SamplingParams":
        if policy.version not in self._sampling:
            if len(self._sampling) >= 256:  # versions come and go, as policies are edited
                self._sampling.clear()
            self._sampling[policy.version] = self._make_sampling(policy)
        return self._sampling[policy.version]

    def _make_sampling(self, policy: Policy) -> "SamplingParams":
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        budget = self._settings.reasoning_tokens
        return SamplingParams(
            temperature=self._settings.temperature,
            max_tokens=budget + FINAL_TOKENS,
            stop_token_ids=[harmony.RETURN, harmony.CALL, harmony.ENDOFTEXT],
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
            structured_outputs=StructuredOutputsParams(
                structural_tag=structural_tag(policy, budget)
            ),
            logprob_token_ids=list(label_tokens(policy)),
            flat_logprobs=True,
        )


def _arguments(model: str, settings: VllmSettings) -> dict[str, Any]:
    from vllm.engine.arg_utils import AsyncEngineArgs

    arguments = {
        "model": model,
        "revision": settings.revision,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "max_num_seqs": settings.max_num_seqs,
        "max_num_batched_tokens": settings.max_num_batched_tokens,
        "max_cudagraph_capture_size": settings.max_cudagraph_capture_size,
        "max_model_len": settings.max_model_len,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "kv_cache_dtype": settings.kv_cache_dtype,
        "kv_cache_memory_bytes": settings.kv_cache_memory_bytes,
        "load_format": settings.load_format,
        "enforce_eager": settings.enforce_eager,
        "enable_prefix_caching": True,
        "structured_outputs_config": {"backend": "xgrammar"},
        "worker_extension_cls": f"{EndsWithHost.__module__}.{EndsWithHost.__qualname__}",
        "generation_config": "vllm",  # sampling is set here, not by a file beside the weights
    }
    if settings.enforce_eager:
        del arguments["max_cudagraph_capture_size"]
    if settings.reproducible and _is_cpu():
        # There is no such mode for it: a post is computed alone, and all of its prompt.
        arguments |= {"max_num_seqs": 1, "enable_prefix_caching": False}
    if any(field.name == _RETENTION for field in dataclasses.fields(AsyncEngineArgs)):
        # Else a layer with a sliding window keeps of a prompt little but its end, and the policy,
        # which the prompts share, is found from the third post on.
        arguments[_RETENTION] = None
    return arguments


def _environment(settings: VllmSettings) -> dict[str, str]:
    """Return what vLLM's processes are to find in their environment for reproducible verdicts.

    EngineStartError where there is a kind of card for which vLLM promises none.
    """
    from vllm.platforms import current_platform

    if not settings.reproducible or _is_cpu():
        return {}
    if not current_platform.is_cuda():
        raise EngineStartError(
            "--judge-reproducible needs an NVIDIA card, or a CPU: vLLM computes a post in the same "
            "way in any batch on no other"
        )
    # The sampler of FlashInfer let what is in the batch change an answer (vllm#51187).
    return {"VLLM_BATCH_INVARIANT": "1", "VLLM_USE_FLASHINFER_SAMPLER": "0"}


def _restore(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def _is_cpu() -> bool:
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def _heartbeat(beats: "list[VllmCore]") -> Any:
    """Return a stat logger: vLLM calls it after every step of its engine, and asks for no more."""
    from vllm.v1.metrics.loggers import StatLoggerBase

    class Heartbeat(StatLoggerBase):
        def __init__(self) -> None:
            pass

        def record(self, *_: Any, **__: Any) -> None:
            for core in beats:
                core.last_progress = time.monotonic()

        def log_engine_initialized(self) -> None:
            pass

    return Heartbeat()


def _cores(before: set[BaseProcess]) -> list[BaseProcess]:
    return [
        process
        for process in multiprocessing.active_children()
        if process not in before and process.name.startswith("EngineCore")
    ]


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _explained(said: str, settings: VllmSettings) -> str:
    if any(sign in said for sign in _MEMORY):
        return (
            f"{settings.model} does not fit into the memory it is given. Lower max_num_seqs "
            f"({settings.max_num_seqs}), max_model_len ({settings.max_model_len}) or "
            f"max_num_batched_tokens ({settings.max_num_batched_tokens}) by --engine-settings, "
            f"end what else uses the card, or take a larger one. vLLM said: {said[:300]}"
        )
    return f"vLLM cannot start with {settings.model}: {said[:500]}"
