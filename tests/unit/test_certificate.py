"""How many violating posts a threshold may miss, and what a certificate may not claim."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from weir.transforms.screen.certificate import (
    Certificate,
    calibration_hash,
    certified_threshold,
    from_bytes,
    misses_allowed,
    open_threshold,
    positives_needed,
    supported_recall,
    to_bytes,
)

CERTIFICATE = Certificate(
    policy_id="hate",
    certified=True,
    threshold=0.25,
    recall=0.95,
    confidence=0.95,
    positives=100,
    misses_allowed=1,
    positives_needed=59,
    labels_needed=0,
    calibration_set="posts",
    calibration_sha256="0" * 64,
    calibration_posts=1000,
    escalation_rate=0.1,
    budget=None,
)


@pytest.mark.parametrize(("recall", "needed"), [(0.95, 59), (0.98, 149), (0.99, 299)])
def test_the_positives_needed_are_those_of_a_clean_sweep(recall: float, needed: int) -> None:
    assert positives_needed(recall, 0.95) == needed
    assert misses_allowed(needed, recall, 0.95) == 0
    assert misses_allowed(needed - 1, recall, 0.95) == -1


@pytest.mark.parametrize(("recall", "allowed"), [(0.95, 38), (0.98, 12), (0.99, 4)])
def test_the_misses_allowed_of_a_thousand_positives(recall: float, allowed: int) -> None:
    assert misses_allowed(1000, recall, 0.95) == allowed


@given(
    positives=st.integers(1, 3000),
    recall=st.floats(0.5, 0.999),
    confidence=st.floats(0.5, 0.999),
)
def test_the_misses_allowed_are_the_most_whose_lower_bound_of_recall_holds(
    positives: int, recall: float, confidence: float
) -> None:
    def bound(misses: int) -> float:  # Clopper and Pearson, one-sided
        caught = positives - misses
        return float(beta.ppf(1 - confidence, caught, misses + 1)) if caught else 0.0

    k = misses_allowed(positives, recall, confidence)
    assert k < 0 or bound(k) >= recall - 1e-9
    assert bound(k + 1) <= recall + 1e-9


def test_no_positives_certify_nothing() -> None:
    assert misses_allowed(0, 0.95, 0.95) == -1
    assert certified_threshold(np.array([]), 0.95, 0.95) is None


@pytest.mark.parametrize(("recall", "confidence"), [(1.0, 0.95), (0.95, 1.0), (0.0, 0.95)])
def test_certainty_cannot_be_certified(recall: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        positives_needed(recall, confidence)


def test_the_threshold_is_the_score_after_the_misses_allowed() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1000) / 1000)
    assert certified_threshold(scores, 0.95, 0.95) == 0.038


def test_too_few_positives_have_no_threshold() -> None:
    assert certified_threshold(np.linspace(0, 1, 58), 0.95, 0.95) is None
    assert certified_threshold(np.linspace(0.5, 1, 59), 0.95, 0.95) == 0.5


def test_a_certified_threshold_fails_as_rarely_as_it_says_and_the_naive_one_half_the_time() -> None:
    random = np.random.default_rng(1)
    draws = random.random((4000, 300))  # the recall at a threshold t is 1 - t
    k = misses_allowed(300, 0.95, 0.95)
    ordered = np.sort(draws, axis=1)
    assert (1 - ordered[:, k] < 0.95).mean() < 0.05 + 0.01
    assert 0.4 < (1 - ordered[:, 15] < 0.95).mean() < 0.6


@pytest.mark.parametrize("positives", [5, 30, 80, 400])
def test_what_labels_support_is_certified_and_fails_as_rarely_as_it_says(positives: int) -> None:
    recall = supported_recall(positives, 0.95, 0.95)
    k = misses_allowed(positives, recall, 0.95)
    assert k >= int(0.05 * positives)
    reached = 1 - np.sort(np.random.default_rng(1).random((4000, positives)), axis=1)[:, k]
    assert (reached < recall).mean() < 0.05 + 0.01
    assert reached.mean() == pytest.approx(0.95, abs=0.12 if positives < 30 else 0.03)


def test_labels_support_more_the_more_they_are_and_none_support_nothing() -> None:
    assert [supported_recall(n, 0.95, 0.95) for n in (0, 30, 80, 400)] == [0, 0.851, 0.889, 0.928]


def test_equal_scores_never_make_a_threshold_fail() -> None:
    scores = np.full(59, 0.3)
    threshold = certified_threshold(scores, 0.95, 0.95)
    assert threshold is not None
    assert (scores >= threshold).all()


@pytest.mark.parametrize("budget", [0.0, 0.1, 0.25, 1.0])
def test_an_open_gate_lets_the_budget_through_and_no_more(budget: float) -> None:
    background = np.random.default_rng(2).permutation(np.arange(200) / 200)
    assert (background >= open_threshold(background, budget)).mean() == budget


def test_equal_scores_keep_an_open_gate_within_its_budget() -> None:
    assert (np.full(10, 0.5) >= open_threshold(np.full(10, 0.5), 0.2)).mean() == 0


def test_without_a_background_the_gate_is_wide_open() -> None:
    assert open_threshold(np.array([]), 0.2) == 0.0


def test_certificates_survive_being_stored() -> None:
    open_gate = replace(
        CERTIFICATE, certified=False, positives=3, misses_allowed=-1, labels_needed=9, budget=0.2
    )
    assert from_bytes(to_bytes([CERTIFICATE, open_gate])) == (CERTIFICATE, open_gate)


@pytest.mark.parametrize(
    "claim",
    [
        {"positives": 58},
        {"misses_allowed": 2},
        {"threshold": 1.5},
        {"escalation_rate": -0.1},
        {"recall": 1.0},
        {"confidence": 0.999},
    ],
)
def test_a_certificate_that_claims_too_much_cannot_be_made(claim: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        replace(CERTIFICATE, **claim)  # type: ignore[arg-type]  # values of the wrong kind are the point
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[{}]", b"[1]", b"\xff", to_bytes([CERTIFICATE]).replace(b"0.25", b'"low"')],
)
def test_damaged_certificates_are_not_read(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_bytes(content)


def test_the_claim_names_recall_confidence_and_calibration_set() -> None:
    assert str(CERTIFICATE) == (
        "hate: recall at least 0.95 with confidence 0.95 on posts like those of posts "
        "(100 violating, at most 1 missed)"
    )


def test_the_hash_of_a_calibration_set_depends_on_texts_and_labels_and_not_on_their_order() -> None:
    one = calibration_hash(["a", "b"], [True, None])
    assert one == calibration_hash(["b", "a"], [None, True])
    assert one != calibration_hash(["a", "b"], [True, False])
    assert one != calibration_hash(["a", "c"], [True, None])
