"""The budget: what is spent, on what, and what waits."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.judge.budget import Allowance, Budget, Candidate, decide
from weir.transforms.records import Route

JUDGED = [Route.ESCALATE, Route.AUDIT, Route.FORCED, Route.DEFERRED]
SCORES = st.none() | st.floats(0, 1) | st.just(float("nan"))
CANDIDATES = st.lists(
    st.builds(Candidate, st.sampled_from(JUDGED), SCORES, st.integers(0, 2**64 - 1)), max_size=60
)


def scored(*scores):
    return [Candidate(Route.ESCALATE, score, 0) for score in scores]


def unscored(route, *draws):
    return [Candidate(route, None, draw) for draw in draws]


@given(CANDIDATES, st.integers(-1, 70))
def test_every_escalation_is_judged_or_deferred_and_no_more_than_can_be_afforded(some, affordable):
    decision = decide(some, affordable)
    assert sorted(decision.judge + decision.defer) == list(range(len(some)))
    assert len(decision.judge) == min(len(some), max(0, affordable))


@given(CANDIDATES, st.integers(0, 70))
def test_no_audit_is_deferred_while_anything_else_is_judged(some, affordable):
    decision = decide(some, affordable)
    if any(some[n].route == Route.AUDIT for n in decision.defer):
        assert {some[n].route for n in decision.judge} <= {Route.AUDIT}


@given(CANDIDATES, st.integers(0, 70))
def test_no_score_is_deferred_while_a_lower_one_is_judged(some, affordable):
    decision = decide(some, affordable)

    def scores(numbers):
        return [
            some[n].score
            for n in numbers
            if some[n].route == Route.ESCALATE
            and some[n].score is not None
            and some[n].score == some[n].score
        ]

    assert max(scores(decision.defer), default=0) <= min(scores(decision.judge), default=1)


@given(CANDIDATES, st.integers(0, 70))
def test_one_more_request_judges_one_more_and_defers_none_that_was_judged(some, affordable):
    fewer, more = decide(some, affordable), decide(some, affordable + 1)
    assert set(fewer.judge) <= set(more.judge)


@given(CANDIDATES, st.integers(0, 70))
def test_the_share_of_audits_kept_is_what_their_chance_shrank_by(some, affordable):
    decision = decide(some, affordable)
    audits = sum(each.route == Route.AUDIT for each in some)
    kept = sum(some[n].route == Route.AUDIT for n in decision.judge)
    assert 0 < decision.audits_kept <= 1
    assert decision.audits_kept == (kept / audits if kept else 1.0)


def test_the_unscored_stand_at_the_median_of_the_scored():
    some = [*scored(0.9, 0.2, 0.6, 0.4), *unscored(Route.FORCED, 7, 5)]
    decision = decide(some, 3)
    assert decision.judge == (0, 2, 5)
    assert decision.defer == (4, 3, 1)


def test_audits_that_were_deferred_before_come_last():
    some = [*unscored(Route.DEFERRED, 1), *unscored(Route.FORCED, 2), *scored(0.1)]
    assert decide(some, 2).defer == (0,)


def test_weighted_by_their_chance_the_audits_that_are_left_count_for_all():
    """Horvitz and Thompson's estimate of a total, over every way the lots can fall."""
    violating, bundle, rate = {2, 3, 11}, 12, 0.25
    total = 0.0
    for shift in range(bundle):
        audits = unscored(Route.AUDIT, *((n + shift) % bundle for n in range(bundle)))
        decision = decide(audits, 5)
        weight = 1 / (rate * decision.audits_kept)
        total += sum(weight for n in decision.judge if n in violating)
    assert total / bundle == pytest.approx(len(violating) / rate)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_requests_are_afforded_at_their_rate_after_the_first_burst():
    clock = Clock()
    allowance = Allowance(Budget(requests_per_second=5, burst_seconds=2), clock)
    assert allowance.take(100) == 10
    assert allowance.take(100) == 0
    clock.now += 1
    assert allowance.take(3) == 3
    assert allowance.take(100) == 2
    clock.now += 1_000
    assert allowance.take(100) == 10


def test_a_rate_below_one_a_burst_still_affords_one():
    clock = Clock()
    allowance = Allowance(Budget(requests_per_second=0.01), clock)
    assert [allowance.take(1), allowance.take(1)] == [1, 0]
    clock.now += 100
    assert allowance.take(5) == 1


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 40)), max_size=50))
def test_never_more_requests_than_rate_times_time_and_a_burst(steps):
    clock = Clock()
    allowance = Allowance(Budget(requests_per_second=2.5, burst_seconds=4), clock)
    taken = 0
    for seconds, wanted in steps:
        clock.now += seconds
        taken += allowance.take(wanted)
        assert taken <= 10 + 2.5 * clock.now + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 20), st.integers(0, 3_000)), max_size=50)
)
def test_never_more_tokens_than_rate_times_time_a_burst_and_what_was_misjudged(steps):
    clock = Clock()
    allowance = Allowance(Budget(tokens_per_second=100, burst_seconds=10), clock)
    spent, surprise = 0, 0.0
    for seconds, wanted, tokens in steps:
        clock.now += seconds
        taken, expected = allowance.take(wanted), allowance._mean
        for _ in range(taken):
            allowance.spend(tokens)
        spent += taken * tokens
        surprise = max(surprise, taken * (tokens - expected))
        assert spent <= 1_000 + 100 * clock.now + surprise + 3_000


def test_what_requests_take_is_learned():
    clock = Clock()
    allowance = Allowance(Budget(tokens_per_second=1_000, burst_seconds=10), clock)
    for _ in range(400):
        clock.now += 1
        for _ in range(allowance.take(50)):
            allowance.spend(100)
    clock.now += 1
    assert 9 <= allowance.take(50) <= 11


def test_an_engine_that_does_not_count_is_charged_the_usual():
    clock = Clock()
    allowance = Allowance(Budget(tokens_per_second=400, burst_seconds=1), clock)
    for _ in range(20):
        assert allowance.take(9) == 1
        allowance.spend(None)
        clock.now += 1


@given(st.floats(0, 1), st.lists(st.integers(0, 50), max_size=60))
def test_a_share_is_kept_whatever_the_bundles_are(share, bundles):
    allowance = Allowance(Budget(share=share))
    taken = sum(allowance.take(wanted) for wanted in bundles)
    assert share * sum(bundles) - 2 <= taken <= share * sum(bundles) + 1e-6 * len(bundles)


def test_a_tenth_of_single_escalations_is_every_tenth():
    allowance = Allowance(Budget(share=0.1))
    assert Counter(allowance.take(1) for _ in range(1_000)) == {0: 900, 1: 100}


def test_the_tightest_limit_holds():
    allowance = Allowance(Budget(requests_per_second=1, burst_seconds=4, share=0.5), Clock())
    assert allowance.take(4) == 2
    assert allowance.take(40) == 2
    assert allowance.take(40) == 0


def test_without_a_budget_all_is_afforded():
    assert not Budget().limited
    assert Allowance(Budget()).take(10**9) == 10**9


@pytest.mark.parametrize(
    "wrong", [{"requests_per_second": 0}, {"tokens_per_second": -1}, {"share": 1.1}]
)
def test_a_budget_that_cannot_be_kept_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        Budget(**wrong)
