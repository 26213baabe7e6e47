"""The judge on this worker's own GPU: gpt-oss-safeguard, resident in vLLM."""

import atexit
import itertools
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from weir.distribution import install_command
from weir.policies.policy import Policy
from weir.transforms.judge.engine import Completion, EngineError, EngineStartError, Finish, Request
from weir.transforms.judge.engine_loop import EngineLoop
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.members import member_probabilities
from weir.transforms.judge.harmony.prompt import Prompt, render
from weir.transforms.judge.harmony.structure import FINAL_TOKENS, violating_probability
from weir.transforms.judge.vllm.core import Call, VllmCore
from weir.transforms.judge.vllm.settings import CARDS_20B, VllmSettings
from weir.transforms.judge.vllm.supervisor import Supervisor
from weir.transforms.judge.vllm.weights import local_weights

if TYPE_CHECKING:
    from vllm import RequestOutput


class VllmEngine:
    """One resident AsyncLLM in a loop and thread of its own.

    The policy stands first in every prompt and fills whole blocks, so vLLM's prefix cache holds
    all of it. Nothing is done to warm it: vLLM gives a block to the requests of the same step as
    the one that computes it, so that of any number that arrive together only the first is not
    served from the cache.
    """

    name = "vllm"

    def __init__(self, settings: VllmSettings) -> None:
        """Start the engine; EngineStartError where it cannot."""
        if find_spec("vllm") is None:
            raise EngineStartError(
                "The engine vllm needs vLLM, which is not installed. Install it with "
                f"{install_command('engine')}, on a Linux machine with a GPU."
            )
        try:
            self._settings = settings.for_card(_card_gb())
        except ValueError as error:
            raise EngineStartError(str(error)) from error
        self.model = settings.model + (f"@{settings.revision}" if settings.revision else "")
        self._numbers = itertools.count()
        self._loop = EngineLoop("weir-vllm")
        self._supervisor: Supervisor[Call, RequestOutput] = Supervisor(
            partial(self._start, local_weights(settings.model)),
            settings.retries,
            settings.hang_seconds,
        )
        self._core: VllmCore | None = None
        self.capacity = 0  # until it has started
        self.content_tokens = settings.content_tokens
        try:
            self._loop.call(self._supervisor.start())
        except BaseException:  # an interrupt too leaves no thread behind
            self._loop.close()
            raise
        # After vLLM's own, and so before it: it would report its process as one that died.
        atexit.register(self.close)

    @property
    def process_ids(self) -> list[int]:
        """Return the processes that hold the model now."""
        return self._core.process_ids if self._core else []

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        """Render the prompts in the caller's thread, and start on them."""
        return [self._submit(request) for request in requests]

    def close(self) -> None:
        """End the engine; what it was working on fails."""
        atexit.unregister(self.close)
        try:
            self._loop.call(self._supervisor.close())
        except RuntimeError:
            return  # it is closed already
        self._loop.close()

    async def _start(self, weights: str) -> VllmCore:
        self._core = core = await VllmCore.start(weights, self._settings)
        self.capacity = self._settings.capacity(core.cache_tokens)
        return core

    def _submit(self, request: Request) -> "Future[Completion]":
        settings, core = self._settings, self._core
        block_tokens = core.block_tokens if core and settings.whole_blocks else 1
        prompt = render(
            request.policy, request.text, settings.content_tokens, block_tokens, request.context
        )
        return self._loop.submit(self._answer(request.policy, prompt, time.monotonic()))

    async def _answer(self, policy: Policy, prompt: Prompt, submitted: float) -> Completion:
        settings = self._settings
        limit = settings.max_model_len - settings.reasoning_tokens - FINAL_TOKENS
        if len(prompt.tokens) > limit:
            raise EngineError(
                "too_long",
                f"the prompt has {len(prompt.tokens)} tokens, and max_model_len leaves {limit}; "
                "shorten the policy, or raise max_model_len or lower content_tokens",
            )
        call = Call(f"weir-{next(self._numbers)}", prompt.tokens, policy)
        output = await self._supervisor.answer(call)
        completion = _completion(output, policy, prompt, submitted)
        return replace(completion, reproducible=True) if settings.reproducible else completion


def _completion(
    output: "RequestOutput", policy: Policy, prompt: Prompt, submitted: float
) -> Completion:
    answered = output.outputs[0]
    tokens = list(answered.token_ids)
    answer = harmony.read(tokens)
    scheduled = output.metrics.scheduled_ts if output.metrics else 0.0
    likely = _LogProbabilities(answered.logprobs)
    return Completion(
        final=answer.final,
        reasoning=answer.reasoning,
        probability=violating_probability(policy, tokens, likely),
        probabilities=member_probabilities(policy, tokens, likely) or None,
        tokens_in=len(prompt.tokens),
        tokens_cached=output.num_cached_tokens,
        tokens_policy=prompt.tokens_policy,
        tokens_out=len(tokens),
        tokens_reasoning=answer.tokens_reasoning,
        tokens_cut=prompt.tokens_cut,
        # Both are CLOCK_MONOTONIC, which is the same in all processes of a machine.
        queue_ms=max(0.0, (scheduled - submitted) * 1000) if scheduled else None,
        finish_reason=Finish.STOP
        if answered.finish_reason == "stop"
        else str(answered.finish_reason),
    )


class _LogProbabilities(Sequence[Mapping[int, float]]):
    """vLLM's log probabilities, read where they are looked at: there are thousands of places."""

    def __init__(self, of_vllm: Any) -> None:
        self._of_vllm = of_vllm or ()

    def __len__(self) -> int:
        return len(self._of_vllm)

    def __getitem__(self, place: Any) -> Any:
        return {token: each.logprob for token, each in self._of_vllm[place].items()}


def _card_gb() -> float:
    """Return the memory of one GPU in GB; the smallest card's where there is none."""
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        return float(min(CARDS_20B))
    return float(current_platform.get_device_total_memory()) / 1e9
