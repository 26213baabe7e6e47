"""What is certain of the recall, at every look at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.benchmarks import live_certificate as benchmark
from weir.transforms.screen.live_certificate import (
    Judged,
    LiveCertificate,
    certify,
    missed_at_most,
)

CLASSES = st.lists(st.tuples(st.floats(0.001, 1), st.integers(0, 200)), min_size=1, max_size=5)


@pytest.mark.parametrize("stream", benchmark.STREAMS, ids=lambda stream: stream.name)
def test_it_holds_at_every_look_in_at_least_95_of_100_streams(stream):
    assert benchmark.held(stream, streams=100, seed=7).certificate >= 0.95


def test_a_bound_for_one_look_does_not():
    assert benchmark.held(benchmark.STREAMS[0], streams=100, seed=7).one_look < 0.95


def test_it_costs_little_beside_the_exact_bound_for_one_look():
    for seen in (0, 10, 100):
        one_look = chi2.ppf(0.95, 2 * seen + 2) / 2 / 0.01
        assert one_look < missed_at_most([seen], [0.01]) < 1.45 * one_look


@given(CLASSES)
def test_no_fewer_are_missed_than_were_seen(classes):
    probabilities, violating = zip(*classes, strict=True)
    assert missed_at_most(violating, probabilities) >= sum(violating)


@given(CLASSES)
def test_one_more_that_violates_never_raises_the_certificate(classes):
    probabilities, violating = zip(*classes, strict=True)
    more = (violating[0] + 1, *violating[1:])
    assert missed_at_most(more, probabilities) >= missed_at_most(violating, probabilities)


@given(CLASSES)
def test_how_audits_are_grouped_changes_nothing(classes):
    probabilities, violating = zip(*classes, strict=True)
    apart = [*violating, 0], [*probabilities, probabilities[0]]
    assert missed_at_most(*apart) == pytest.approx(missed_at_most(violating, probabilities))


def test_where_all_that_is_cleared_is_audited_the_recall_is_counted():
    assert certify(Judged(90, ((1.0, 500, 10),))) == LiveCertificate(0.9, 10, 0.95)


def test_what_is_judged_beside_other_policies_is_counted_whatever_the_audit_sees():
    audited = certify(Judged(900, ((0.1, 400, 5),)))
    both = certify(Judged(900, ((0.1, 400, 5),), beside=7))
    assert both.missed == audited.missed + 7
    assert both.recall == pytest.approx(900 / (900 + both.missed))


def test_what_is_judged_beside_others_certifies_nothing_without_an_audit():
    assert certify(Judged(900, beside=7)) is None


def test_an_unanswered_audit_counts_against_the_screen():
    answered = certify(Judged(900, ((0.1, 400, 5),)))
    waiting = certify(Judged(900, ((0.1, 400, 5),), unanswered=1))
    violating = certify(Judged(900, ((0.1, 401, 6),)))
    assert waiting == violating
    assert waiting.recall < answered.recall


def test_more_confidence_promises_less():
    judged = Judged(900, ((0.1, 400, 5),))
    assert certify(judged, 0.99).recall < certify(judged, 0.9).recall


def test_nothing_is_certain_without_an_answered_audit():
    assert certify(Judged(900, (), unanswered=4)) is None


def test_a_lower_rate_of_which_none_is_audited_yet_lowers_the_promise():
    compared, cleared = (0.5, 119, 0), (0.001, 0, 0)
    assert certify(Judged(48, (compared,))).recall > 0.8
    assert certify(Judged(48, (compared, cleared))).recall < 0.02


def test_nothing_is_certain_of_what_was_cleared_without_any_chance_of_an_audit():
    assert certify(Judged(48, ((0.5, 119, 0), (0.0, 0, 0)))) is None


def test_nothing_is_certain_where_a_rate_is_known_and_no_audit_was_answered():
    assert certify(Judged(48, ((0.01, 0, 0),))) is None


def test_where_nothing_was_caught_nothing_is_promised():
    assert certify(Judged(0, ((0.1, 400, 0),))).recall == 0


@pytest.mark.parametrize("audits", [(0.0, 5, 1), (1.5, 5, 1), (0.5, 1, 2)])
def test_an_impossible_audit_is_refused(audits):
    with pytest.raises(ValueError, match="impossible audit"):
        Judged(0, (audits,))


@pytest.mark.parametrize("confidence", [0, 1, np.nan])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        missed_at_most([0], [0.1], confidence)
