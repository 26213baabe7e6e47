"""From which score on a flag may go before the verdict, and what that may claim."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import beta

from tests.screen_posts import labelled, posts
from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.cold.extra_heads import with_heads
from weir.transforms.screen.model import Screen
from weir.transforms.screen.precision import (
    PrecisionCertificate,
    at_prevalence,
    candidates,
    from_bytes,
    precision_threshold,
    to_bytes,
)
from weir.transforms.screen.training.labelled import LabelledPost, LabelsError
from weir.transforms.screen.training.precision_fit import Asked, one_per_cluster
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train

HALF = np.full(1, 0.5)
CERTIFICATE = PrecisionCertificate(
    policy_id="bad",
    threshold=0.75,
    precision=0.95,
    confidence=0.95,
    prevalence=0.5,
    stream_prevalence=None,
    posts=400,
    flagged=100,
    right=99,
    test_flagged=50,
    test_right=49,
    calibration_set="posts",
)


def test_the_lowest_threshold_that_passes_after_all_before_it_is_chosen() -> None:
    scores = np.linspace(0.001, 1, 1000)
    violates = scores > 0.5
    tried = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    assert precision_threshold(tried, scores, violates, 0.95, 0.95) == 0.5
    assert precision_threshold(np.append(0.99, tried), scores, violates, 0.95, 0.95) is None
    assert precision_threshold(tried[:0], scores, violates, 0.95, 0.95) is None
    assert precision_threshold(np.ones(1) + 1, scores, violates, 0.95, 0.95) is None


@pytest.mark.parametrize(("count", "right"), [(59, 59), (93, 92), (500, 484)])
def test_what_passes_is_what_the_lower_bound_of_clopper_and_pearson_allows(
    count: int, right: int
) -> None:
    scores, violates = np.ones(count), np.arange(count) < right
    assert beta.ppf(0.05, right, count - right + 1) >= 0.95
    assert precision_threshold(HALF, scores, violates, 0.95, 0.95) == 0.5
    violates[right - 1] = False
    assert beta.ppf(0.05, right - 1, count - right + 2) < 0.95
    assert precision_threshold(HALF, scores, violates, 0.95, 0.95) is None


def _drawn(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    # The precision from a score of t on is (1 + t) / 2: 0.9 from 0.8 on.
    scores = random.random(count)
    return scores, random.random(count) < scores


def test_a_precision_fails_no_more_often_than_its_confidence_says() -> None:
    random, wrong, found, draws = np.random.default_rng(7), 0, 0, 600
    for _ in range(draws):
        tried = candidates(_drawn(random, 300)[0], 900, 0.9, 0.9)
        threshold = precision_threshold(tried, *_drawn(random, 900), 0.9, 0.9)
        if threshold is not None:
            found += 1
            wrong += (1 + threshold) / 2 < 0.9
    assert found > draws / 2
    # Two standard errors above a tenth.
    assert wrong / draws < 0.1 + 2 * np.sqrt(0.1 * 0.9 / draws)


def test_where_no_threshold_has_the_precision_hardly_any_is_found() -> None:
    random, draws = np.random.default_rng(8), 400
    found = 0
    for _ in range(draws):
        tried = candidates(random.random(300), 900, 0.9, 0.9)
        scores, violates = random.random(900), random.random(900) < 0.899
        found += precision_threshold(tried, scores, violates, 0.9, 0.9) is not None
    assert found / draws < 0.1 + 2 * np.sqrt(0.1 * 0.9 / draws)


def test_the_thresholds_to_try_descend_and_begin_where_posts_enough_are_expected() -> None:
    tried = candidates(np.linspace(0, 1, 101), 202, 0.95, 0.95)
    assert (np.diff(tried) < 0).all()
    assert tried[0] == pytest.approx(0.42)  # 59 of 101, as 118 of 202
    assert len(candidates(np.ones(3), 10, 0.95, 0.95)) == 0


def test_a_precision_among_half_violating_posts_is_another_where_few_violate() -> None:
    assert at_prevalence(0.95, 0.5, 0.5) == pytest.approx(0.95)
    assert at_prevalence(0.95, 0.5, 0.01) == pytest.approx(19 / 118)
    back = at_prevalence(at_prevalence(0.95, 0.3, 0.02), 0.02, 0.3)
    assert back == pytest.approx(0.95)
    assert Asked(0.95, 0.95).among(0.5) == 0.95
    assert Asked(0.95, 0.95, 0.01).among(0.5) == pytest.approx(0.99947, abs=1e-5)


def test_near_duplicates_count_once_and_speak_against_the_precision() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    labels = np.array([1, 1, 1, 0, np.nan, 0])
    cluster = np.array([0, 0, 2, 2, 2, 5])
    scored, violates = one_per_cluster(scores, labels, cluster, np.ones(6, bool))
    assert scored.tolist() == [0.8, 0.6, 0.4]
    assert violates.tolist() == [True, False, False]


def test_certificates_are_read_back_as_they_were() -> None:
    both = (CERTIFICATE, replace(CERTIFICATE, policy_id="worse", stream_prevalence=0.1))
    assert from_bytes(to_bytes(both)) == both


@pytest.mark.parametrize(
    "change",
    [
        {"right": 90},
        {"right": 101},
        {"flagged": 0, "right": 0},
        {"precision": 1.0},
        {"threshold": 1.5},
        {"prevalence": 0.0},
        {"test_right": 51},
    ],
)
def test_a_certificate_that_promises_what_its_posts_do_not_show_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="precision of bad"):
        replace(CERTIFICATE, **change)


@pytest.mark.parametrize("change", [{"posts": "400"}, {"threshold": None}, {"flagged": True}])
def test_a_certificate_of_the_wrong_kinds_is_refused(change: dict) -> None:
    with pytest.raises(TypeError):
        from_bytes(json.dumps([asdict(CERTIFICATE) | change]).encode())


@pytest.fixture(scope="module")
def screen() -> Screen:
    found = train([labelled(*posts(2000, 800))], ["bad"], TrainingSettings(precision=0.95))
    assert found.card["heads"][0]["first_stage"]["provisional"]["policy_id"] == "bad"
    assert found.warnings == ()
    return found.screen


def test_a_head_that_tells_well_gets_a_provisional_threshold(screen: Screen) -> None:
    (found,) = screen.provisional
    assert found.flagged >= 59
    assert found.right > 0.95 * found.flagged
    assert found.test_right > 0.9 * found.test_flagged
    assert 0.3 < found.prevalence < 0.5
    assert Screen.parse(screen.file).provisional == screen.provisional


def test_without_a_precision_a_screen_has_the_bytes_that_it_had_before() -> None:
    sets = [labelled(*posts(600, 300))]
    plain = train(sets, ["bad"], TrainingSettings())
    assert plain.screen.provisional == ()
    assert "provisional" not in plain.card["heads"][0]["first_stage"]
    again = plain.screen.with_thresholds(plain.screen.thresholds, plain.screen.certificates)
    assert again.file == plain.screen.file


def test_a_head_that_guesses_gets_none_and_a_warning() -> None:
    random = np.random.default_rng(3)
    rows = [LabelledPost(post.text, {"bad": bool(random.random() < 0.5)}) for post in posts(900, 0)]
    found = train([labelled(*rows)], ["bad"], TrainingSettings(precision=0.95))
    assert found.screen.provisional == ()
    assert "provisional" not in found.card["heads"][0]["first_stage"]
    assert any("1 head has no threshold with a precision of 0.95" in w for w in found.warnings)


def test_a_precision_for_a_stream_with_few_violating_posts_takes_more_labels() -> None:
    settings = TrainingSettings(precision=0.95, provisional_prevalence=0.001)
    assert train([labelled(*posts(1000, 400))], ["bad"], settings).screen.provisional == ()


@pytest.mark.parametrize("share", [{"precision": 1.0}, {"provisional_prevalence": 0.0}])
def test_a_share_that_means_nothing_is_refused(share: dict) -> None:
    with pytest.raises(LabelsError, match="give a share"):
        TrainingSettings(**share)


def test_a_provisional_threshold_for_a_head_that_is_not_there_is_damage(screen: Screen) -> None:
    with pytest.raises(ScreenError, match="provisional threshold for another head"):
        screen.with_thresholds(
            screen.thresholds, provisional=[replace(CERTIFICATE, policy_id="gone")]
        )


def test_a_head_keeps_its_provisional_threshold_beside_others(screen: Screen) -> None:
    assert with_heads(screen, []).provisional == screen.provisional
