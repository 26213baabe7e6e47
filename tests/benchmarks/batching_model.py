"""How long a GPU takes over requests that it answers together: a model, with an injected clock.

A simulation, for capacity planning. It knows continuous batching as vLLM does it: up to
``max_num_seqs`` sequences run at once, each step gives every one of them a token, a step takes
longer the more there are, reading a prompt takes the GPU for itself, and a prompt's beginning that
was read before is not read again. It does not know memory: not that a long context makes a step
slower, nor that a cache evicts.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# Published for gpt-oss-20b on one H100, with vLLM. The one figure that is not an assumption here,
# taken to be the rate of a full batch whose prompts have nothing in common.
PUBLISHED_REQUESTS_PER_S = 46.7
PUBLISHED_TOKENS_IN = 215
PUBLISHED_TOKENS_OUT = 194


@dataclass(frozen=True)
class Gpu:
    """The constants of one GPU; the step at a full batch follows from the published rate."""

    # Assumption: 3.6e9 active parameters, 2 operations each, on about 40 % of the 990e12 operations
    # a second that an H100 does at 16 bits.
    prefill_tokens_per_s: float = 50_000
    step_alone_s: float = 0.004  # assumption: 250 tokens a second for a request that is alone
    max_num_seqs: int = 256  # assumption: vLLM's own default for a server

    @property
    def step_full_s(self) -> float:
        """Return the seconds of a step at a full batch, derived from the published rate.

        A request costs the GPU 1 / 46.7 s. What its prompt leaves of that is its part in 194 steps
        that it shares with a full batch.
        """
        per_request = 1 / PUBLISHED_REQUESTS_PER_S
        decoding = per_request - PUBLISHED_TOKENS_IN / self.prefill_tokens_per_s
        return decoding * self.max_num_seqs / PUBLISHED_TOKENS_OUT

    def step_s(self, running: int) -> float:
        """Return the seconds of a step of so many sequences: a straight line between the two."""
        if self.max_num_seqs == 1:
            return self.step_full_s
        slope = (self.step_full_s - self.step_alone_s) / (self.max_num_seqs - 1)
        return self.step_alone_s + slope * (running - 1)


@dataclass(frozen=True)
class Job:
    """One request, as the GPU sees it: ``prefix`` names a beginning that others may share."""

    number: int
    prefix: str
    prefix_tokens: int
    own_tokens: int
    tokens_out: int


@dataclass(frozen=True)
class Finished:
    """A job that is done; times in seconds of the model's clock."""

    job: Job
    arrived: float
    began: float
    ended: float
    tokens_cached: int


@dataclass(frozen=True, order=True)
class _Running:
    last_step: float  # on the GPU's count of steps
    number: int
    job: Job = field(compare=False)
    arrived: float = field(compare=False)
    began: float = field(compare=False)
    tokens_cached: int = field(compare=False)


class _Card:
    """One GPU. Nobody decodes while a prompt is read, so what each still needs is a count of steps
    that all share, and the next to finish is the one with the smallest."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._now = 0.0
        self._steps = 0.0
        self._prefill_s = 0.0  # of reading that is owed
        self._running: list[_Running] = []
        self._read: set[str] = set()

    @property
    def free(self) -> int:
        return self._gpu.max_num_seqs - len(self._running)

    def admit(self, job: Job, arrived: float) -> None:
        cached = job.prefix_tokens if job.prefix in self._read else 0
        self._read.add(job.prefix)
        to_read = job.prefix_tokens + job.own_tokens - cached
        self._prefill_s += to_read / self._gpu.prefill_tokens_per_s
        last = self._steps + job.tokens_out
        each = _Running(last, job.number, job, arrived, self._now, cached)
        heapq.heappush(self._running, each)

    def next_end(self) -> float | None:
        """Return when the next job finishes if nothing else is admitted."""
        if not self._running:
            return None
        steps = self._running[0].last_step - self._steps
        return self._now + self._prefill_s + steps * self._gpu.step_s(len(self._running))

    def advance(self, to: float) -> None:
        """Work until then; no job finishes before."""
        seconds = max(0.0, to - self._now)
        reading = min(seconds, self._prefill_s)
        self._prefill_s -= reading
        if self._running:
            self._steps += (seconds - reading) / self._gpu.step_s(len(self._running))
        self._now += seconds

    def finish(self) -> Iterator[Finished]:
        """Yield the jobs whose last step this is."""
        # Exactly: the clock may have stopped a rounding error before it.
        self._steps, self._prefill_s = self._running[0].last_step, 0.0
        while self._running and self._running[0].last_step <= self._steps:
            done = heapq.heappop(self._running)
            yield Finished(done.job, done.arrived, done.began, self._now, done.tokens_cached)

    def abort(self, number: int) -> None:
        self._running = [each for each in self._running if each.number != number]
        heapq.heapify(self._running)


class Fleet:
    """Equal GPUs behind one queue, which is the best that a load balancer could do.

    Times are seconds of a clock that the caller reads; they never go back.
    """

    def __init__(self, gpu: Gpu, gpus: int) -> None:
        self._cards = [_Card(gpu) for _ in range(gpus)]
        self._waiting: deque[tuple[Job, float]] = deque()
        self._finished: list[Finished] = []

    def add(self, jobs: Sequence[Job], now: float) -> None:
        """Put jobs in the queue."""
        self._advance(now)
        self._waiting.extend((job, now) for job in jobs)
        self._admit()

    def take(self, now: float) -> list[Finished]:
        """Return the jobs that finished until now and were not taken yet, in that order."""
        self._advance(now)
        finished, self._finished = self._finished, []
        return finished

    def abort(self, number: int, now: float) -> None:
        """Stop work on a job, if it is still there."""
        self._advance(now)
        self._waiting = deque(each for each in self._waiting if each[0].number != number)
        for card in self._cards:
            card.abort(number)
        self._admit()

    def next_end(self) -> float | None:
        """Return when the next job finishes; None where nothing runs."""
        return min(
            (end for card in self._cards if (end := card.next_end()) is not None), default=None
        )

    def _advance(self, now: float) -> None:
        while (end := self.next_end()) is not None and end <= now:
            for card in self._cards:
                due = card.next_end() == end
                card.advance(end)
                if due:
                    self._finished.extend(card.finish())
            self._admit()
        for card in self._cards:
            card.advance(now)

    def _admit(self) -> None:
        while self._waiting:
            card = max(self._cards, key=lambda each: each.free)
            if not card.free:
                return
            card.admit(*self._waiting.popleft())
