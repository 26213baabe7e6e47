"""What a replay will take, and how far it has come."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.pipelines.commands.replay import limit_budget
from weir.pipelines.replay.forecast import Judge, Measured, forecast, points
from weir.pipelines.replay.progress_line import done_of, line, time_left
from weir.transforms.judge.budget import UNLIMITED, Allowance, Budget
from weir.transforms.process.live_numbers import Name, Snapshot

# Of 2,000 posts one in ten is escalated, under two policies each.
MEASURED = Measured(posts=2000, escalated=200, escalations=400, tokens_in=600.0)
MODEL = Judge("vllm")


def test_escalations_and_tokens_are_those_of_the_measured_posts():
    expected = forecast(100_000, 1.0, None, MEASURED, MODEL)
    assert (expected.posts, expected.escalations) == (100_000, 20_000)
    assert (expected.tokens_in, expected.tokens_out) == (12_000_000, 20_000 * 194)


def test_an_engine_that_never_ran_here_is_as_fast_as_published():
    expected = forecast(100_000, 1.0, None, MEASURED, MODEL)
    assert expected.hours == pytest.approx(20_000 / 46.7 / 3600)
    assert "published for gpt-oss-safeguard-20b on one H100" in expected.lines()[-1]


def test_one_that_did_is_as_fast_as_it_was():
    expected = forecast(100_000, 1.0, None, MEASURED, Judge("vllm", 20.0, 50.0))
    assert (expected.hours, expected.tokens_out) == (20_000 / 20 / 3600, 1_000_000)
    assert "busiest minute of earlier runs" in expected.lines()[-1]


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (17.8, "17.8 requests a second"),
        (0.3, "18.0 requests a minute"),
        (1 / 600, "6.0 requests an hour"),
    ],
)
def test_a_slow_engine_is_said_in_a_unit_that_has_some(rate, said):
    expected = forecast(100_000, 1.0, None, MEASURED, Judge("endpoint", rate))
    assert f"at {said}: " in expected.lines()[-1]


def test_the_stand_in_needs_no_gpu_and_writes_no_tokens():
    expected = forecast(100_000, 1.0, None, MEASURED, Judge("exemplar"))
    assert expected.tokens_out == 0
    assert "needs no GPU" in expected.lines()[-1]


def test_of_what_was_screened_before_only_the_answers_are_owed():
    expected = forecast(1_000, 1.0, None, MEASURED, MODEL, waiting=400, owed=700)
    assert (expected.posts, expected.escalations) == (1_000, 600 // 5 + 700)


def test_a_sample_takes_its_share():
    assert forecast(100_000, 0.01, None, MEASURED, MODEL).escalations == 200


def test_posts_that_are_chosen_one_by_one_are_like_those_that_were_escalated():
    expected = forecast(100_000, 0.5, 1000, MEASURED, MODEL)
    assert (expected.posts, expected.escalations) == (500, 1000)


def test_what_is_over_the_budget_is_said():
    expected = forecast(100_000, 1.0, None, MEASURED, MODEL, budget=5_000)
    assert expected.judged == 5_000
    assert "15,000 escalations are over the budget of 5,000 requests" in expected.lines()[-1]


def test_a_budget_is_spread_over_the_slice_and_kept_in_any_case():
    expected = forecast(100_000, 1.0, None, MEASURED, MODEL, budget=5_000)
    assert limit_budget(UNLIMITED, expected) == Budget(share=0.25, requests=5_000)
    assert limit_budget(Budget(share=0.1), expected).share == 0.1


def test_a_budget_that_suffices_defers_nothing():
    expected = forecast(100_000, 1.0, None, MEASURED, MODEL, budget=50_000)
    assert limit_budget(UNLIMITED, expected) == Budget(requests=50_000)


def test_after_so_many_requests_none_is_made():
    allowance = Allowance(Budget(requests=5))
    assert [allowance.take(3), allowance.take(3), allowance.take(3)] == [3, 2, 0]


def test_a_slice_without_posts_to_measure_promises_nothing():
    assert forecast(10, 1.0, None, Measured(0, 0, 0, 0.0), MODEL).escalations == 0


def test_places_are_spread_over_the_slices():
    assert points([100, 0, 300], 4) == [(0, 0), (2, 0), (2, 100), (2, 200)]
    assert points([2], 16) == [(0, 0), (0, 1)]
    assert points([0], 4) == []


@given(st.lists(st.integers(0, 500), min_size=1, max_size=9), st.integers(1, 40))
def test_every_place_lies_in_its_slice(sizes, count):
    for number, at in points(sizes, count):
        assert 0 <= at < sizes[number]


def snapshot(**counts):
    return Snapshot({Name(name): count for name, count in counts.items()}, {}, {})


def test_posts_that_wait_for_the_judge_are_not_done():
    assert done_of(snapshot(messages=1000)) == 1000
    assert done_of(snapshot(messages=1000, escalations=100, verdicts=20, deferred=5)) == 250


def test_the_time_left_follows_the_rate_so_far():
    assert time_left(250, 1000, 60.0) == timedelta(seconds=180)
    assert time_left(0, 1000, 60.0) is None
    assert time_left(2000, 1000, 60.0) == timedelta(0)


def test_a_line_says_how_far_it_is():
    assert line(250, 1000, 60.0) == "25% (250 of 1,000), about 0:03:00 left"
    assert line(0, 1000, 60.0) == "0% (0 of 1,000), time left not known yet"
    assert line(9, 0, 60.0).startswith("100%")
