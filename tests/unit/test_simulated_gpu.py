"""The simulated GPU: its rate is the published one, and its time is that of continuous batching."""

import threading
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest

from tests.benchmarks.batching_model import Fleet, Gpu, Job
from tests.benchmarks.simulated_gpu import Lengths, Simulation
from weir.policies.group import Group
from weir.policies.policy import Contract, Effort, Policy
from weir.transforms.judge.engine import EngineError, Request
from weir.transforms.judge.joint_questions import said_of_each
from weir.transforms.judge.verdict import parse
from weir.transforms.records import Outcome

PUBLISHED = Job(0, "nothing shared", 0, 215, 194)
POLICY = Policy(
    "spam", "Spam", "team", "No spam. " * 100, {"1": "violates", "0": "safe"}, {"R1": "adverts"}
)
FAST = Simulation(time_scale=1000)


def jobs(count, job=PUBLISHED, first=0):
    return [replace(job, number=number) for number in range(first, first + count)]


def ends(fleet):
    """Return what finishes, and when, if nothing more is added."""
    done = []
    while (due := fleet.next_end()) is not None:
        done += fleet.take(due)
    return done


def requests(count, policy=POLICY):
    return [Request(f"r{n}", f"post {n}", policy) for n in range(count)]


@pytest.mark.parametrize("gpus", [1, 8])
def test_a_full_batch_is_answered_at_the_published_rate(gpus):
    fleet, full, lengths = Fleet(Gpu(), gpus), 256 * gpus, Lengths()
    golden = 0.6180339887  # its multiples fill [0, 1) evenly
    drawn = [lengths.at(n * golden % 1) for n in range(18 * full)]
    fleet.add([replace(PUBLISHED, number=n, tokens_out=out) for n, out in enumerate(drawn)], 0)
    ended = [each.ended for each in ends(fleet)]
    first, last = 8 * full, 16 * full  # a slow one takes as long as seven batches
    rate = (last - first) / (ended[last] - ended[first])
    assert rate == pytest.approx(gpus * 46.7, rel=0.005)


def test_a_full_batch_of_equal_requests_takes_what_was_published():
    fleet = Fleet(Gpu(), 1)
    fleet.add(jobs(256), 0)
    assert ends(fleet)[-1].ended == pytest.approx(256 / 46.7)


def test_a_request_alone_is_quicker_than_in_company():
    alone, crowd = Fleet(Gpu(), 1), Fleet(Gpu(), 1)
    alone.add(jobs(1), 0)
    crowd.add(jobs(64), 0)
    seconds = ends(alone)[0].ended
    assert seconds == pytest.approx(215 / 50_000 + 194 * 0.004)
    assert ends(crowd)[0].ended > 2 * seconds


def test_a_prefix_is_read_once():
    fleet = Fleet(Gpu(), 1)
    shared = Job(0, "policy", 600, 50, 1)
    fleet.add([shared], 0)
    fleet.add([replace(shared, number=1)], 10)
    first, second = ends(fleet)
    assert (first.tokens_cached, second.tokens_cached) == (0, 600)
    assert first.ended - 0 == pytest.approx(650 / 50_000 + 0.004)
    assert second.ended - 10 == pytest.approx(50 / 50_000 + 0.004)


def test_each_gpu_has_a_cache_of_its_own():
    fleet = Fleet(Gpu(), 2)
    fleet.add(jobs(4, Job(0, "policy", 600, 50, 10)), 0)
    assert sorted(each.tokens_cached for each in ends(fleet)) == [0, 0, 600, 600]


def test_requests_come_back_by_the_time_they_end_and_not_by_the_time_they_came():
    fleet = Fleet(Gpu(), 1)
    fleet.add([replace(PUBLISHED, number=n, tokens_out=100 - n) for n in range(8)], 0)
    done = ends(fleet)
    assert [each.job.number for each in done] == list(range(7, -1, -1))
    assert [each.ended for each in done] == sorted(each.ended for each in done)


def test_requests_beyond_the_batch_wait_and_a_slow_one_holds_up_nobody():
    fleet = Fleet(replace(Gpu(), max_num_seqs=2), 1)
    slow, quick = replace(PUBLISHED, tokens_out=1000), replace(PUBLISHED, tokens_out=10)
    fleet.add([slow, *jobs(50, quick, first=1)], 0)
    done = ends(fleet)
    assert done[-1].job.number == 0
    assert done[1].began == done[0].ended


def test_time_that_is_looked_at_late_is_not_lost():
    often, seldom = Fleet(Gpu(), 2), Fleet(Gpu(), 2)
    for fleet in (often, seldom):
        fleet.add(jobs(2000), 0)
    watched = [each for n in range(300) for each in often.take(n / 10)]
    left = seldom.take(30)
    assert [each.job for each in left] == [each.job for each in watched]
    assert left[-1].ended == pytest.approx(watched[-1].ended)
    assert len(left) == 2000


def test_an_aborted_job_leaves_its_place_to_the_next():
    fleet = Fleet(replace(Gpu(), max_num_seqs=1), 1)
    fleet.add(jobs(3, replace(PUBLISHED, tokens_out=100)), 0)
    fleet.abort(0, 0.01)
    fleet.abort(2, 0.01)
    (done,) = ends(fleet)
    assert (done.job.number, done.began) == (1, 0.01)


def test_the_slowest_hundredth_is_ten_times_as_long_as_the_median():
    lengths = sorted(Lengths().at(n / 10_000) for n in range(10_000))
    assert lengths[-1] == lengths[-100] == pytest.approx(10 * lengths[5000], rel=0.01)
    assert lengths[-101] < 2 * lengths[5000]
    assert sum(lengths) / len(lengths) == pytest.approx(194, rel=0.01)


def test_the_same_seed_gives_the_same_lengths_whatever_the_order():
    job = Simulation(seed=3).job
    forth = [job(0, request).tokens_out for request in requests(50)]
    back = [job(0, request).tokens_out for request in reversed(requests(50))]
    assert forth == back[::-1]
    assert forth != [Simulation(seed=4).job(0, request).tokens_out for request in requests(50)]


def test_more_effort_and_more_policies_take_more_tokens_of_an_answer():
    (request,) = requests(1)
    simulation = Simulation(high_times=4, member_tokens=24)
    low = simulation.job(0, request).tokens_out
    high = replace(request, policy=replace(POLICY, effort=Effort.HIGH))
    assert simulation.job(0, high).tokens_out == pytest.approx(4 * low, rel=1)
    group = Group.of([replace(POLICY, policy_id=name) for name in ("a", "b", "c")])
    plain = replace(simulation, member_tokens=0)
    together = replace(request, policy=group)
    more = simulation.job(0, together).tokens_out - plain.job(0, together).tokens_out
    assert more == 2 * 24


def test_a_share_of_the_answers_at_low_effort_is_in_doubt_and_none_at_high_effort():
    engine = Simulation(time_scale=10_000, doubtful_share=0.3)()
    low = [future.result(30).probability for future in engine.submit(requests(300))]
    high = requests(300, replace(POLICY, effort=Effort.HIGH))
    sure = [future.result(30).probability for future in engine.submit(high)]
    engine.close()
    assert low.count(0.5) / 300 == pytest.approx(0.3, abs=0.1)
    assert set(sure) == {0.0, 1.0}


def test_a_group_is_answered_with_a_verdict_for_each_policy():
    policies = [replace(POLICY, policy_id=name) for name in ("a", "b")]
    group = Group.of(policies)
    engine = FAST()
    done = [future.result(30) for future in engine.submit(requests(100, group))]
    engine.close()
    said = [said_of_each(each, group) for each in done]
    for policy in policies:
        outcomes = {parse(each[policy.policy_id], policy).outcome for each in said}
        assert outcomes == {Outcome.VIOLATES, Outcome.SAFE}


@pytest.mark.parametrize("contract", [each for each in Contract if each is not Contract.GROUP])
def test_every_request_gets_a_verdict_that_says_it_is_simulated(contract):
    policy = replace(POLICY, contract=contract)
    engine = FAST()
    done = [future.result(30) for future in engine.submit(requests(300, policy))]
    engine.close()
    assert {parse(each, policy).outcome for each in done} == {Outcome.VIOLATES, Outcome.SAFE}
    assert all("simulation" in each.reasoning for each in done)
    assert "SIMULATED" in engine.model


def test_it_says_what_was_cached_and_how_long_a_request_waited():
    engine = FAST()
    done = [future.result(30) for future in engine.submit(requests(300))]
    engine.close()
    assert [each.tokens_cached for each in done].count(0) == 1
    assert {each.queue_ms > 0 for each in done[:256]} == {False}
    assert {each.queue_ms > 0 for each in done[256:]} == {True}


def test_a_cancelled_request_is_given_up_and_the_rest_is_answered():
    engine = FAST()
    first, *rest = engine.submit(requests(20))
    first.cancel()
    assert all(future.result(30) for future in rest)
    engine.close()
    with pytest.raises(CancelledError):
        first.result()


def test_closing_fails_what_is_outstanding_and_leaves_no_thread():
    engine = Simulation(time_scale=0.001)()
    futures = engine.submit(requests(5))
    engine.close()
    assert {type(future.exception(30)) for future in futures} == {EngineError}
    assert "simulated-gpu" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(EngineError):
        engine.submit(requests(1))
