"""When near-copies are trusted with verdicts, by those that are judged all the same."""

import random

import pytest

from weir.transforms.judge.trust import ERROR, Trust


def after(bound, outcomes, **begun):
    """Return whether it is trusted after each outcome."""
    trust = Trust(bound, **begun)
    found = []
    for agreed in outcomes:
        trust.record(agreed=agreed)
        found.append(trust.trusted)
    return found


def drawn(share, count, seed):
    rng = random.Random(seed)
    return [rng.random() < share for _ in range(count)]


def test_nothing_is_trusted_before_more_than_the_bound_is_shown():
    told = after(0.9, [True] * 60)
    assert told.index(True) + 1 == 47
    assert not Trust(0.9).trusted


def test_what_agrees_no_more_than_the_bound_is_hardly_ever_trusted():
    wrong = sum(any(after(0.9, drawn(0.9, 500, seed))) for seed in range(200))
    assert wrong <= 2 * ERROR * 200


@pytest.mark.parametrize(("share", "most"), [(0.0, 5), (0.5, 40), (0.75, 150)])
def test_trust_is_lost_where_fewer_agree_however_many_did_before(share, most):
    for seed in range(20):
        told = after(0.9, [True] * 5_000 + drawn(share, most, seed), trusted=True)
        assert all(told[:5_000])
        assert not all(told)


def test_what_agrees_more_than_the_bound_keeps_its_trust():
    assert all(all(after(0.9, drawn(0.98, 2_000, seed), trusted=True)) for seed in range(20))


def test_trust_comes_back_but_later_each_time_that_it_was_lost():
    trust, took = Trust(0.9), []
    for _ in range(4):
        count = 0
        while not trust.trusted:
            trust.record(agreed=True)
            count += 1
        took.append(count)
        while trust.trusted:
            trust.record(agreed=False)
    assert took == sorted(set(took))
    assert took[-1] < 3 * took[0]


@pytest.mark.parametrize("bound", [0.5, 0.9, 0.999])
def test_a_bad_beginning_is_no_bar_for_ever(bound):
    assert after(bound, [False] * 200 + [True] * 20_000)[-1]
