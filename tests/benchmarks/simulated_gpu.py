"""A judge that is a simulation: it takes as long as GPUs would, and reads nothing.

It stands where vLLM stands, so that the pipeline around it can be measured at the rate of one H100
and of eight. Its verdicts mean nothing. What it assumes is in ``batching_model`` and below.
"""

import json
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from tests.benchmarks.batching_model import PUBLISHED_TOKENS_OUT, Finished, Fleet, Gpu, Job
from weir.policies.group import Group
from weir.policies.policy import Contract, Effort, Policy
from weir.transforms.judge.engine import Completion, EngineError, Request
from weir.transforms.records import Outcome

CHARACTERS_PER_TOKEN = 4  # assumption, usual for English
SYSTEM_TOKENS = 60  # assumption: what stands before the policy, and what frames the post
IN_DOUBT = 0.5  # the probability of an answer in doubt; the others are sure
VIOLATING_SHARE = 0.2  # of what is escalated; drawn by the first words, so near-copies are alike


@dataclass(frozen=True)
class Lengths:
    """How many tokens an answer has: most within half of the median, the slowest far longer.

    Assumption: the judge says as much as the published measurement did, on average.
    """

    mean: float = PUBLISHED_TOKENS_OUT
    slowest_share: float = 0.01
    slowest_times: float = 10.0  # the length of the slowest, in medians

    @property
    def median(self) -> float:
        """Return the median length of all but the slowest."""
        return self.mean / (1 - self.slowest_share + self.slowest_share * self.slowest_times)

    def at(self, quantile: float) -> int:
        """Return the length at a quantile in [0, 1)."""
        usual = 1 - self.slowest_share
        if quantile >= usual:
            return round(self.median * self.slowest_times)
        return max(1, round(self.median * (0.5 + quantile / usual)))


@dataclass(frozen=True)
class Simulation:
    """What is simulated; called, it makes the engine, so it serves as a step's engine factory."""

    gpus: int = 1
    gpu: Gpu = field(default_factory=Gpu)
    lengths: Lengths = field(default_factory=Lengths)
    seed: int = 0
    # Assumptions, all three: how many times as much is said as at low effort (published runs of
    # gpt-oss say several times as much at high effort), tokens out for each further policy of a
    # group (its verdict, and a sentence of reasoning), and the share of the answers at low effort
    # whose probability lies in the middle.
    medium_times: float = 2.0
    high_times: float = 4.0
    member_tokens: int = 24
    doubtful_share: float = 0.15
    # Of what a screen has cleared, and is judged beside other policies: ``suspected`` has the
    # policies that each text was escalated to, where there is anything beside them.
    cleared_doubtful_share: float = 0.03
    suspected: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)
    violating_share: float = VIOLATING_SHARE
    time_scale: float = 1.0  # simulated seconds in one second; what the host costs weighs as much

    def __call__(self) -> "SimulatedGpu":
        """Return the engine, running."""
        return SimulatedGpu(self)

    def job(self, number: int, request: Request) -> Job:
        """Return what a request is to the GPU; one text under one policy has one length."""
        policy = request.policy
        drawn = _drawn(f"{self.seed} {policy.version} {request.text}")
        others = len(policy.members) - 1 if isinstance(policy, Group) else 0
        said = self.lengths.at(drawn) + others * self.member_tokens
        return Job(
            number,
            prefix=policy.version,
            prefix_tokens=SYSTEM_TOKENS + len(policy.text) // CHARACTERS_PER_TOKEN,
            own_tokens=1 + len(request.text) // CHARACTERS_PER_TOKEN,
            tokens_out=round(said * self._times(policy.effort)),
        )

    def completion(self, done: Finished, request: Request) -> Completion:
        """Return the answer to a request: a post's under a policy is in doubt, or never is."""
        job, policy = done.job, request.policy
        members = policy.members if isinstance(policy, Group) else (policy,)
        begins = " ".join(request.text.split(maxsplit=2)[:2])
        violates = {
            member.policy_id: _drawn(f"{member.policy_id} {begins}") < self.violating_share
            for member in members
        }
        likely = {
            member.policy_id: IN_DOUBT
            if policy.effort == Effort.LOW and self._doubtful(member, request.text)
            else float(violates[member.policy_id])
            for member in members
        }
        return Completion(
            _final(policy, violates),
            reasoning="none: this is a simulation",
            probability=None if isinstance(policy, Group) else likely[policy.policy_id],
            probabilities=likely if isinstance(policy, Group) else None,
            tokens_in=job.prefix_tokens + job.own_tokens,
            tokens_cached=done.tokens_cached,
            tokens_out=job.tokens_out,
            queue_ms=(done.began - done.arrived) * 1000,
        )

    def _times(self, effort: Effort) -> float:
        return {Effort.MEDIUM: self.medium_times, Effort.HIGH: self.high_times}.get(effort, 1.0)

    def _doubtful(self, policy: Policy, text: str) -> bool:
        suspected = policy.policy_id in self.suspected.get(text, (policy.policy_id,))
        share = self.doubtful_share if suspected else self.cleared_doubtful_share
        return _drawn(f"doubt {self.seed} {policy.policy_id} {text}") < share


class SimulatedGpu:
    """An Engine that simulates. One thread, which sleeps until the next answer is due."""

    name = "simulated"
    content_tokens = 1 << 30  # it reads nothing

    def __init__(self, simulation: Simulation) -> None:
        self.model = f"gpt-oss-safeguard-20b SIMULATED on {simulation.gpus} H100"
        self.capacity = simulation.gpus * simulation.gpu.max_num_seqs
        self._simulation = simulation
        self._fleet = Fleet(simulation.gpu, simulation.gpus)
        self._started = time.monotonic()
        self._numbers = 0
        self._asked: dict[int, tuple[Request, Future[Completion]]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="simulated-gpu", daemon=True)
        self._thread.start()

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        """Queue the requests at the simulated GPUs."""
        futures: list[Future[Completion]] = [Future() for _ in requests]
        with self._changed:
            if self._closed:
                raise EngineError("engine_closed", "the simulated engine is closed")
            first = self._numbers
            self._numbers += len(requests)
            asked = dict(enumerate(zip(requests, futures, strict=True), first))
            self._asked.update(asked)
            jobs = [self._simulation.job(number, request) for number, (request, _) in asked.items()]
            self._fleet.add(jobs, self._now())
            self._changed.notify()
        for number, future in enumerate(futures, first):
            future.add_done_callback(_OnCancel(self, number))
        return futures

    def close(self) -> None:
        """Stop; what is outstanding fails."""
        with self._changed:
            self._closed = True
            asked, self._asked = self._asked, {}
            self._changed.notify()
        self._thread.join()
        for _, future in asked.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(EngineError("engine_closed", "the simulated engine closed"))

    def abort(self, number: int) -> None:
        """Stop work on a request that nobody waits for."""
        with self._changed:
            if self._asked.pop(number, None) is not None:
                self._fleet.abort(number, self._now())
                self._changed.notify()

    def _now(self) -> float:
        return (time.monotonic() - self._started) * self._simulation.time_scale

    def _run(self) -> None:
        while True:
            with self._changed:
                finished = self._fleet.take(self._now())
                while not finished and not self._closed:
                    due = self._fleet.next_end()
                    wait = (
                        None if due is None else (due - self._now()) / self._simulation.time_scale
                    )
                    self._changed.wait(None if wait is None else max(0.0, wait))
                    finished = self._fleet.take(self._now())
                if self._closed:
                    return
                done = [(each, self._asked.pop(each.job.number, None)) for each in finished]
            for each, asked in done:
                if asked is not None and asked[1].set_running_or_notify_cancel():
                    asked[1].set_result(self._simulation.completion(each, asked[0]))


@dataclass(frozen=True)
class _OnCancel:
    engine: SimulatedGpu
    number: int

    def __call__(self, future: "Future[Completion]") -> None:
        if future.cancelled():
            self.engine.abort(self.number)


def _drawn(lot: str) -> float:
    return zlib.crc32(lot.encode()) / 2**32


def _final(policy: Policy, violates: Mapping[str, bool]) -> str:
    if isinstance(policy, Group):
        return json.dumps({m.policy_id: _value(m, violates[m.policy_id]) for m in policy.members})
    value = _value(policy, violates[policy.policy_id])
    return value if isinstance(value, str) else json.dumps(value)


def _value(policy: Policy, violates: bool) -> object:
    if policy.contract == Contract.JSON:
        return {"violation": int(violates), "rationale": "none: this is a simulation"}
    meaning = Outcome.VIOLATES if violates else Outcome.SAFE
    return next(label for label, means in policy.labels.items() if means == meaning)
