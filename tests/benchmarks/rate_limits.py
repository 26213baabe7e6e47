"""How well a judge's worker keeps to a server's limit by the minute, in SIMULATED time.

``python -m tests.benchmarks.rate_limits [--posts N] [--seeds N]`` sends posts to servers that
refuse what is over a limit, by fixed windows, sliding ones or a bucket of tokens, with and without
Retry-After. What waits is what the engine itself waits by, on a loop whose clock jumps.
"""

import argparse
import asyncio
import itertools
import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from tests.simulated_time import run
from weir.transforms.judge.endpoint.failures import Again, Failure
from weir.transforms.judge.endpoint.gate import Gate
from weir.transforms.judge.endpoint.settings import Backoff

DEADLINE_S = 600.0  # of --judge-timeout: what waits longer is a dead letter
CONCURRENCY = 32
_REFUSAL_S = 0.05


class Limit(Protocol):
    """What a server allows; ``per_minute`` in the long run."""

    @property
    def per_minute(self) -> float:
        """Return how many requests a minute it allows."""
        ...

    def wait_s(self, now: float) -> float:
        """Take a request, and return 0; or refuse it, and return when there is room again."""
        ...


@dataclass
class FixedWindow:
    """So many in each window of a clock that nobody else knows."""

    count: int
    window_s: float
    begun_s: float = 0.0
    _window: int = field(default=-1, init=False, repr=False)
    _used: int = field(default=0, init=False, repr=False)

    @property
    def per_minute(self) -> float:
        return 60 * self.count / self.window_s

    def wait_s(self, now: float) -> float:
        window, into = divmod(now + self.begun_s, self.window_s)
        if window != self._window:
            self._window, self._used = int(window), 0
        self._used += 1
        return 0.0 if self._used <= self.count else self.window_s - into


@dataclass
class SlidingWindow:
    """So many in any window; with ``strict``, those that it refused count as well."""

    count: int
    window_s: float
    begun_s: float = 0.0
    strict: bool = False
    _log: deque[float] = field(default_factory=deque, init=False, repr=False)

    @property
    def per_minute(self) -> float:
        return 60 * self.count / self.window_s

    def wait_s(self, now: float) -> float:
        while self._log and self._log[0] <= now - self.window_s:
            self._log.popleft()
        full = len(self._log) >= self.count
        wait = self._log[-self.count] + self.window_s - now if full else 0.0
        if self.strict or not full:
            self._log.append(now)
        return wait


@dataclass
class Bucket:
    """As many at once as a window has, and then one by one."""

    count: int
    window_s: float
    begun_s: float = 0.0
    _level: float = field(default=math.inf, init=False, repr=False)
    _at: float = field(default=0.0, init=False, repr=False)

    @property
    def per_minute(self) -> float:
        return 60 * self.count / self.window_s

    def wait_s(self, now: float) -> float:
        filled = (now - self._at) * self.count / self.window_s
        self._level, self._at = min(self.count, self._level + filled), now
        if self._level < 1:
            return (1 - self._level) * self.window_s / self.count
        self._level -= 1
        return 0.0


@dataclass(frozen=True)
class Kept:
    """How a limit was kept. The rate is that at which posts were taken, and 1 is the limit."""

    rate: float
    refused: int
    longest_s: float  # from a post's submission to its answer
    dead: int  # posts that waited past the deadline


def keep_limit(limit: Limit, posts: int, answer_s: float, *, says_when: bool, seed: int) -> Kept:
    """Send so many posts to a server with that limit."""
    return run(_send(limit, posts, answer_s, says_when, random.Random(seed)))


async def _send(
    limit: Limit, posts: int, answer_s: float, says_when: bool, draws: random.Random
) -> Kept:
    loop = asyncio.get_running_loop()
    gate = Gate(CONCURRENCY, Backoff(), draws.random)
    taken: list[float] = []
    waited: list[float] = []
    refused = 0

    async def judge() -> None:
        nonlocal refused
        submitted = loop.time()
        while True:
            async with gate.admit(submitted) as sent:
                wait = limit.wait_s(loop.time())
                if not wait:
                    taken.append(sent)
                    await asyncio.sleep(answer_s * draws.uniform(0.5, 1.5))
                    gate.record_answer(sent)
                    waited.append(loop.time() - submitted)
                    return
                refused += 1
                await asyncio.sleep(_REFUSAL_S)
                after = math.ceil(wait) if says_when else None
                gate.record_failure(
                    sent, Failure("rate_limited", "", Again.REFUSED, retry_after=after)
                )

    left, under_way = posts, set[asyncio.Task[None]]()
    while left or under_way:
        while left and len(under_way) < gate.capacity:  # as the slots of a process have it
            under_way.add(asyncio.create_task(judge()))
            left -= 1
        _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    rate = 60 * posts / max(taken[-1], 1.0) / limit.per_minute
    return Kept(rate, refused, max(waited), sum(wait > DEADLINE_S for wait in waited))


def limits(seed: int) -> Iterator[Limit]:
    """Yield the limits that are tried: 5, 20 and 60 a minute, by windows of 10 and 60 s.

    A window of 10 s has one request at least: 5 a minute are 1 in 12 s.
    """
    draws = random.Random(seed)
    for per_minute, window_s in itertools.product((5, 20, 60), (10.0, 60.0)):
        count = max(1, round(per_minute * window_s / 60))
        window_s = 60 * count / per_minute
        begun_s = draws.uniform(0, window_s)
        yield FixedWindow(count, window_s, begun_s)
        yield SlidingWindow(count, window_s)
        yield Bucket(count, window_s)
        yield SlidingWindow(count, window_s, strict=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a line for each limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--answer-seconds", type=float, nargs="+", default=[0.5, 8.0])
    options = parser.parse_args(argv)
    print("limit, answers take, Retry-After: rate (least, median), refused, longest wait, dead")
    for says_when, answer_s in itertools.product((True, False), options.answer_seconds):
        tried = [
            [
                (limit, keep_limit(limit, options.posts, answer_s, says_when=says_when, seed=seed))
                for limit in limits(seed)
            ]
            for seed in range(options.seeds)
        ]
        for of_limit in zip(*tried, strict=True):
            limit, found = of_limit[0][0], [each for _, each in of_limit]
            print(
                f"{_name(limit):<34} {answer_s:>4g} s {'yes' if says_when else 'no':>3}: "
                f"{min(each.rate for each in found):.3f} {median(each.rate for each in found):.3f} "
                f"{median(each.refused for each in found):>4.0f} "
                f"{max(each.longest_s for each in found):>5.0f} s "
                f"{sum(each.dead for each in found):>3}"
            )


def _name(limit: Limit) -> str:
    strict = " (strict)" if getattr(limit, "strict", False) else ""
    window = getattr(limit, "window_s", 0.0)
    return f"{type(limit).__name__}{strict} {limit.per_minute:g}/min by {window:g} s"


if __name__ == "__main__":
    main()
