"""CPU time of each stage, measured around the functions that the job itself calls."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch


@contextmanager
def timed(functions: Iterable[tuple[Any, str, str]]) -> Iterator[defaultdict[str, float]]:
    """Give the CPU seconds of each stage, that functions add to until the end.

    Each is a module or class, the name of its function, and the stage.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        for owner, name, stage in functions:
            measured = timing(getattr(owner, name), stage, seconds)
            stack.enter_context(patch.object(owner, name, measured))
        yield seconds


def timing(
    function: Callable[..., Any], stage: str, seconds: defaultdict[str, float]
) -> Callable[..., Any]:
    """Return the function with the calling thread's CPU time added to a stage.

    A generator is timed while it runs, not while it waits.
    """

    @wraps(function)  # Beam reads the signature
    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            result = function(*args, **kwargs)
        finally:
            seconds[stage] += time.thread_time() - started
        return _generated(result, stage, seconds) if isinstance(result, Iterator) else result

    return call


def _generated(items: Iterator[Any], stage: str, seconds: defaultdict[str, float]) -> Iterator[Any]:
    while True:
        started = time.thread_time()
        try:
            item = next(items, items)
        finally:
            seconds[stage] += time.thread_time() - started
        if item is items:
            return
        yield item
