"""What waits, and for what, while a server is down, slow or full."""

import asyncio
import json
from dataclasses import replace

from tests.scripted_server import (
    HANGS,
    SAFE,
    ScriptedServer,
    chat,
    error,
)
from tests.unit.endpoint.cases import (
    CHAT,
    QUICK,
    answer,
    requests,
)
from weir.transforms.judge.endpoint.breaker import Breaker

# While the server is down


def test_requests_wait_while_the_server_is_down_and_are_answered_when_it_is_back(server, engine_of):
    engine = engine_of(retries=1)
    server.down = True
    futures = engine.submit(requests(20))
    # Each could have failed twice by then.
    for _ in range(50):
        assert server.dropped.acquire(timeout=240)
    assert not any(future.done() for future in futures)
    server.down = False
    assert [future.result(30).final for future in futures] == [SAFE] * 20


def test_a_lone_request_waits_as_well(server, engine_of):
    engine = engine_of()
    server.down = True
    (future,) = engine.submit(requests())
    for _ in range(10):
        assert server.dropped.acquire(timeout=240)
    server.down = False
    assert future.result(30).final == SAFE


def test_a_request_that_waits_ends_when_its_caller_gives_it_up(server, engine_of):
    engine = engine_of()
    server.down = True
    (future,) = engine.submit(requests())
    for _ in range(5):
        assert server.dropped.acquire(timeout=240)
    assert future.cancel()
    server.down = False
    assert answer(engine).final == SAFE


def test_a_request_that_the_server_always_fails_at_does_not_keep_the_others_waiting(
    server, engine_of
):
    class Choosy(ScriptedServer):
        async def _send(self, reply, reader, writer):
            poisoned = self.questions and "poison" in json.dumps(self.questions[-1].body)
            reply = error(500) if poisoned and reply is self.then else reply
            return await super()._send(reply, reader, writer)

    choosy = Choosy()
    try:
        engine = engine_of(url=choosy.url, retries=2)
        poisoned = engine.submit(requests(text="poison"))[0]
        futures = engine.submit(requests(10))
        assert [future.result(30).final for future in futures] == [SAFE] * 10
        assert poisoned.exception(30).reason == "server_error"
    finally:
        choosy.close()


def test_when_the_server_is_back_one_request_passes_alone_until_it_has_succeeded():
    async def scenario():
        async def probe():
            return True

        breaker, passed, go = Breaker(1, QUICK, probe), [], asyncio.Event()

        async def request(number):
            async with breaker.admit():
                passed.append(number)
                await go.wait()
                breaker.record_success()

        breaker.record_failure()
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(request(number))
            while not passed:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert passed == [0]
            go.set()
        assert sorted(passed) == [0, 1, 2, 3, 4]

    asyncio.run(scenario())


def test_a_trial_that_fails_keeps_the_rest_waiting_and_lets_another_try():
    async def scenario():
        async def probe():
            return True

        breaker, passed = Breaker(1, QUICK, probe), []

        async def request(number):
            async with breaker.admit():
                passed.append(number)
                breaker.record_failure() if len(passed) < 3 else breaker.record_success()

        breaker.record_failure()
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(request(number))
        assert passed[:3] == [0, 1, 2]
        assert len(passed) == 5

    asyncio.run(scenario())


# Together


def test_no_more_requests_are_sent_at_once_than_the_capacity(server, engine_of):
    engine = engine_of(replace(CHAT, concurrency=3))
    server.then = replace(chat(SAFE), delay=0.02)
    assert engine.capacity == 3
    for future in engine.submit(requests(12)):
        future.result(30)
    assert server.most_in_flight == 3


def test_a_slow_answer_delays_no_other(server, engine_of):
    engine = engine_of()
    server.script = [HANGS]
    slow = engine.submit(requests())[0]
    assert server.arrived.acquire(timeout=240)
    assert [future.result(30).final for future in engine.submit(requests(5))] == [SAFE] * 5
    assert not slow.done()


def test_cancelling_a_future_aborts_its_http_request(server, engine_of):
    server.script = [HANGS]
    (future,) = engine_of().submit(requests())
    assert server.arrived.acquire(timeout=240)
    future.cancel()
    assert server.abandoned.acquire(timeout=240)


def test_closing_drops_what_is_outstanding_and_may_be_done_twice(server, engine_of):
    engine = engine_of()
    server.then = HANGS
    (future,) = engine.submit(requests())
    assert server.arrived.acquire(timeout=240)
    engine.close()
    engine.close()
    assert future.cancelled()
    assert server.abandoned.acquire(timeout=240)
