import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from weir.transforms.judge.engine_loop import EngineLoop


@pytest.fixture
def loop():
    loop = EngineLoop("test")
    yield loop
    loop.close()


class Sleeper:
    """Sleeps until it is cancelled, and says so."""

    def __init__(self):
        self.started = threading.Event()
        self.cancelled = threading.Event()

    async def sleep(self):
        self.started.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def name_of_the_thread():
    return threading.current_thread().name


async def fails():
    raise ValueError("it fails")


def test_a_call_runs_in_the_thread_of_the_loop_and_returns_its_result(loop):
    assert loop.call(name_of_the_thread()) == "test"


def test_a_call_raises_what_the_coroutine_raises(loop):
    with pytest.raises(ValueError, match="it fails"):
        loop.call(fails())


def test_a_call_that_takes_too_long_is_cancelled(loop):
    sleeper = Sleeper()
    with pytest.raises(TimeoutError):
        loop.call(sleeper.sleep(), timeout=0.05)
    assert sleeper.cancelled.wait(10)


def test_what_is_submitted_runs_side_by_side(loop):
    async def meet(own, other):
        own.set()
        await other.wait()
        return True

    first, second = asyncio.Event(), asyncio.Event()
    futures = [loop.submit(meet(first, second)), loop.submit(meet(second, first))]
    assert [future.result(10) for future in futures] == [True, True]


def test_cancelling_a_future_cancels_its_task(loop):
    sleeper = Sleeper()
    future = loop.submit(sleeper.sleep())
    assert sleeper.started.wait(10)
    future.cancel()
    assert sleeper.cancelled.wait(10)


def test_closing_cancels_what_runs_and_ends_the_thread():
    loop, sleeper = EngineLoop("closed"), Sleeper()
    future = loop.submit(sleeper.sleep())
    assert sleeper.started.wait(10)
    loop.close()
    assert sleeper.cancelled.is_set()
    with pytest.raises(CancelledError):
        future.result(10)
    assert "closed" not in [thread.name for thread in threading.enumerate()]


def test_what_is_submitted_just_before_closing_ends_too():
    loop = EngineLoop("closing")
    futures = [loop.submit(Sleeper().sleep()) for _ in range(100)]
    loop.close()
    assert all(future.cancelled() for future in futures)


def test_a_closed_loop_takes_nothing_more_and_may_be_closed_again():
    loop = EngineLoop("closed twice")
    loop.close()
    loop.close()
    with pytest.raises(RuntimeError, match="closed twice is closed"):
        loop.submit(name_of_the_thread())


def test_closing_does_not_wait_for_ever_for_a_task_that_will_not_end():
    async def stubborn():
        while not release.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                refused.set()

    loop, refused, release = EngineLoop("stubborn"), threading.Event(), threading.Event()
    loop.submit(stubborn())
    loop.close(timeout=0.2)
    assert refused.is_set()
    release.set()
    loop.close()
