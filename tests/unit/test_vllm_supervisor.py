"""An engine that dies is started again, and what it was working on is tried again."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.fakes import MortalEngine
from weir.transforms.judge.engine import EngineError, EngineStartError
from weir.transforms.judge.vllm.supervisor import Supervisor


def supervised(body, retries=3, hang_seconds=60.0, failing_starts=()):
    """Run the body with a supervisor and the list of the engines that it started."""
    engines: list[MortalEngine] = []
    starts = itertools.count()

    async def start() -> MortalEngine:
        if next(starts) in failing_starts:
            raise EngineStartError("no memory")
        await asyncio.sleep(0.01)
        engines.append(MortalEngine())
        return engines[-1]

    async def run():
        supervisor = Supervisor(start, retries, hang_seconds)
        try:
            return await body(supervisor, engines)
        finally:
            await supervisor.close()

    return asyncio.run(asyncio.wait_for(run(), 20)), engines


def test_an_engine_that_dies_is_started_again_once_for_all_who_wait():
    async def body(supervisor, engines):
        await supervisor.start()
        engines[0].hanging = True  # however late this test goes on, all are asked still
        waiting = [asyncio.create_task(supervisor.answer(f"slow {n}")) for n in range(50)]
        await asyncio.sleep(0.01)
        engines[0].kill()
        return await asyncio.gather(*waiting)

    answers, engines = supervised(body)
    assert answers == [f"slow {n}" for n in range(50)]
    assert len(engines) == 2
    assert all(engine.stopped for engine in engines)


def test_a_request_that_kills_engines_fails_alone():
    async def body(supervisor, engines):
        tasks = [asyncio.create_task(supervisor.answer(f"slow {n}")) for n in range(20)]
        poison = asyncio.create_task(supervisor.answer("poison"))
        with pytest.raises(EngineError, match="4 attempts") as error:
            await poison
        assert error.value.reason == "engine"
        return await asyncio.gather(*tasks)

    answers, engines = supervised(body)
    assert len(answers) == 20
    assert len(engines) <= 5


def test_without_retries_a_request_is_tried_once():
    async def body(supervisor, engines):
        with pytest.raises(EngineError, match="1 attempts"):
            await supervisor.answer("poison")
        return engines[0].asked

    asked, _ = supervised(body, retries=0)
    assert asked == ["poison"]


def test_an_error_of_one_request_is_that_requests_alone():
    async def body(supervisor, engines):
        with pytest.raises(EngineError, match="refused"):
            await supervisor.answer("refuse")
        return await supervisor.answer("fine")

    answer, engines = supervised(body)
    assert answer == "fine"
    assert len(engines) == 1


def test_an_engine_that_shows_no_sign_of_work_is_killed_and_replaced():
    async def body(supervisor, engines):
        await supervisor.start()
        engines[0].hanging = True
        return await supervisor.answer("fine")

    answer, engines = supervised(body, hang_seconds=0.1)
    assert answer == "fine"
    assert [engine.killed for engine in engines] == [True, False]


def test_an_idle_engine_may_be_silent():
    async def body(supervisor, engines):
        await supervisor.answer("fine")
        await asyncio.sleep(0.5)
        return await supervisor.answer("fine")

    _, engines = supervised(body, hang_seconds=0.1)
    assert len(engines) == 1


def test_the_first_start_that_fails_says_why():
    async def body(supervisor, engines):
        with pytest.raises(EngineStartError, match="no memory"):
            await supervisor.start()

    supervised(body, failing_starts={0})


def test_requests_fail_where_the_engine_does_not_start_again_and_the_next_one_tries():
    async def body(supervisor, engines):
        await supervisor.start()
        engines[0].hanging = True  # however late this test goes on, all are asked still
        waiting = [asyncio.create_task(supervisor.answer("slow")) for _ in range(5)]
        await asyncio.sleep(0.01)
        engines[0].kill()
        failed: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
        assert {(each.reason, "no memory" in str(each)) for each in failed} == {("engine", True)}
        return await supervisor.answer("fine")

    answer, _ = supervised(body, failing_starts={1})
    assert answer == "fine"


def test_a_cancelled_request_leaves_those_that_wait_for_the_same_start():
    async def body(supervisor, engines):
        first = asyncio.create_task(supervisor.answer("fine"))
        second = asyncio.create_task(supervisor.answer("fine"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    answer, engines = supervised(body)
    assert answer == "fine"
    assert len(engines) == 1


def test_an_engine_stops_work_on_a_cancelled_request():
    async def body(supervisor, engines):
        task = asyncio.create_task(supervisor.answer("slow"))
        while not (engines and engines[0].asked):
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        return engines[0].working

    working, _ = supervised(body)
    assert working == 0


def test_closing_fails_what_is_asked_and_starts_no_other_engine():
    async def body(supervisor, engines):
        await supervisor.start()
        engines[0].hanging = True  # however late this test goes on, all are asked still
        waiting = [asyncio.create_task(supervisor.answer("slow")) for _ in range(5)]
        await asyncio.sleep(0.01)
        await supervisor.close()
        return await asyncio.gather(*waiting, return_exceptions=True)

    failed, engines = supervised(body)
    assert {error.reason for error in failed} == {"engine"}
    assert len(engines) == 1
