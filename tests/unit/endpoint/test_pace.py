"""A worker sends what its server takes, and waits with the rest: in simulated seconds."""

import asyncio
import random
from dataclasses import replace

import pytest

from tests.benchmarks.rate_limits import SlidingWindow, keep_limit, limits, main
from tests.simulated_time import run
from weir.transforms.judge.endpoint.concurrency_window import Window
from weir.transforms.judge.endpoint.failures import Again, Failure
from weir.transforms.judge.endpoint.gate import Gate
from weir.transforms.judge.endpoint.pace import Pace
from weir.transforms.judge.endpoint.settings import Backoff

SLOW = Failure("timeout", "", Again.TRYING, overloaded=True)


@pytest.mark.parametrize("says_when", [True, False])
@pytest.mark.parametrize("limit", list(limits(seed=1)), ids=repr)
def test_a_limit_is_kept_within_a_tenth_and_no_post_is_lost(limit, says_when):
    found = keep_limit(replace(limit), posts=200, answer_s=2, says_when=says_when, seed=1)
    assert found.dead == 0
    assert found.rate > 0.9
    assert found.refused < 100


def test_a_limit_that_is_known_is_refused_more_and_more_seldom():
    found = [
        keep_limit(SlidingWindow(2, 6.0), posts, 2, says_when=True, seed=1) for posts in (200, 400)
    ]
    assert found[1].refused - found[0].refused < found[0].refused


def test_a_refusal_at_a_known_pace_leaves_a_slot_free_for_what_was_refused():
    pace = Pace(Backoff(), draw=lambda: 0.0)
    pace.record_sent(0.0)
    pace.record_sent(0.1)
    pace.record_refusal(0.1, 0.2, retry_after=10)
    pace.record_sent(pace.free_at(10.2))
    pace.record_taken(10.2, 10.3)
    at = pace.free_at(10.3)
    pace.record_sent(at)
    pace.record_refusal(at, at + 0.1, retry_after=1)
    assert pace.free_at(at) - at > pace.gap


def test_the_benchmark_prints_a_line_for_each_limit(capsys):
    main(["--posts=5", "--seeds=1", "--answer-seconds", "0.5"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * len(list(limits(0)))
    assert all(line.endswith(" 0") for line in lines[1:])


def test_without_a_refusal_nothing_is_held_back():
    pace = Pace(Backoff())
    for moment in range(100):
        assert pace.free_at(moment / 1000) <= moment / 1000
        pace.record_sent(moment / 1000)


def test_a_refusal_holds_all_back_for_as_long_as_the_server_says():
    pace = Pace(Backoff(), draw=lambda: 0.0)
    pace.record_sent(0.0)
    pace.record_sent(0.01)
    pace.record_refusal(0.0, 1.0, retry_after=30)
    pace.record_refusal(0.01, 1.1, retry_after=30)
    assert pace.free_at(2.0) == 31.1


def test_a_limit_that_was_raised_is_found():
    pace = Pace(Backoff(), random.Random(1).random)
    now = 0.0
    for _ in range(10):
        pace.record_sent(now)
    pace.record_refusal(0.0, 0.1, retry_after=60)
    for _ in range(150):
        now = max(now, pace.free_at(now))
        pace.record_sent(now)
        pace.record_taken(now, now + 0.1)
    assert pace.gap < 1.0


def test_a_night_without_posts_does_not_pass_for_a_slow_server():
    pace = Pace(Backoff(), draw=lambda: 0.0)
    for moment in (0.0, 30_000.0, *(30_001.0 + n / 10 for n in range(60))):
        pace.record_sent(moment)
    pace.record_refusal(30_006.9, 30_007.0, retry_after=53)
    pace.record_sent(pace.free_at(30_060.0))
    pace.record_taken(30_060.0, 30_060.5)
    assert pace.gap < 1.2


def test_a_server_is_asked_more_at_once_while_it_answers_and_half_when_it_cannot():
    window = Window(20)
    assert window.size == 8
    for _ in range(12):
        window.record_answer()
    assert window.size == 20
    window.record_overload(sent=1.0, now=60.0)
    window.record_overload(sent=2.0, now=60.0)  # of the same round
    assert window.size == 10
    for _ in range(10):
        window.record_answer()
    assert window.size == 10
    for _ in range(2):
        window.record_answer()
    assert window.size == 11


def test_a_window_never_closes():
    window = Window(4)
    for turn in range(9):
        window.record_overload(sent=turn + 0.5, now=turn + 1.0)
    assert window.size == 1


async def _order(gate, held, since):
    """Return in which order those that wait ``since`` are let through, one after the other."""
    order = []

    async def one(number):
        async with gate.admit(number):
            order.append(number)
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group, gate.admit(held):
        for number in since:
            group.create_task(one(number))
        await asyncio.sleep(1)
    return order


def test_the_one_that_waits_longest_is_next():
    assert run(_order(Gate(1, Backoff()), 0.0, [5, 3, 4])) == [3, 4, 5]


def test_one_that_is_given_up_takes_no_place():
    async def scenario():
        gate = Gate(1, Backoff())
        async with gate.admit(0.0):
            given_up = asyncio.create_task(_order(gate, 1.0, []))
            await asyncio.sleep(1)
            given_up.cancel()
        async with asyncio.timeout(5), gate.admit(2.0):
            return True

    assert run(scenario())


def test_a_slow_pace_leaves_the_rest_where_it_can_wait():
    async def scenario():
        gate = Gate(32, Backoff())
        for _ in range(5):
            async with gate.admit(0.0) as sent:
                gate.record_answer(sent)
        async with gate.admit(0.0) as sent:
            gate.record_failure(sent, Failure("rate_limited", "", Again.REFUSED, retry_after=60))
        async with gate.admit(0.0) as sent:
            gate.record_answer(sent)
        return gate.capacity

    assert run(scenario()) == 4  # of 5 a minute, and the wait is a little longer


def test_a_server_that_has_too_much_to_do_is_asked_less_at_once():
    async def scenario():
        gate = Gate(32, Backoff())
        async with gate.admit(0.0) as sent:
            gate.record_failure(sent, SLOW)
        return gate.capacity

    assert run(scenario()) == 4
