"""CPU time of each stage, measured around the functions that the job itself calls."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

SECONDS: Counter[str] = Counter()


def timed(owner: Any, name: str, stage: str) -> None:
    """Make the function ``name`` of a module or class add its CPU time to a stage."""
    setattr(owner, name, timing(getattr(owner, name), stage))


def timing(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
    """Return the function with the calling thread's CPU time added to a stage.

    A generator is timed while it runs, not while it waits.
    """

    @wraps(function)  # Beam reads the signature
    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            result = function(*args, **kwargs)
        finally:
            SECONDS[stage] += time.thread_time() - started
        return _generated(result, stage) if isinstance(result, Iterator) else result

    return call


def _generated(items: Iterator[Any], stage: str) -> Iterator[Any]:
    while True:
        started = time.thread_time()
        try:
            item = next(items, items)
        finally:
            SECONDS[stage] += time.thread_time() - started
        if item is items:
            return
        yield item
