"""What verdicts make of a screen that knows something already."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tests import cold_posts
from tests.cold_posts import stream
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.model import Screen
from weir.transforms.screen.teaching.lessons import Lessons
from weir.transforms.screen.training.refit import refit

TEXTS = tuple(f"{text} {n}" for n, text in enumerate(stream(300, seed=5)))
VIOLATES = np.array(["aimbot" in text for text in TEXTS])
BAD, GOOD = "i am selling an aimbot, undetected", "the figs in row 5 need water"


def lessons(policy_id: str = "cheats", *, violates: np.ndarray = VIOLATES) -> Lessons:
    return Lessons(TEXTS, violates.astype(float)[:, None], (policy_id,))


@cache
def taught() -> Screen:
    return refit(cold_posts.base(), lessons(), stream(400, seed=6))


def scores(screen: Screen, policy_id: str) -> list[float]:
    found = screen.score(pa.array([BAD, GOOD]))
    return found[:, screen.policy_ids.index(policy_id)].tolist()


def test_a_policy_without_a_head_gets_one_that_has_learned() -> None:
    bad, good = scores(taught(), "cheats")
    assert bad > good + 0.2


def test_the_other_heads_stay_as_they_are() -> None:
    base = cold_posts.base()
    for policy_id in base.policy_ids:
        assert scores(taught(), policy_id) == scores(base, policy_id)


def test_equal_lessons_make_equal_screens() -> None:
    assert refit(cold_posts.base(), lessons(), stream(400, seed=6)).version == taught().version


def test_what_a_head_knew_is_not_forgotten_where_verdicts_say_nothing_of_it() -> None:
    others = np.where(VIOLATES, np.nan, np.random.default_rng(1).random(len(TEXTS)) < 0.1)
    again = refit(taught(), lessons(violates=others), stream(400, seed=6))
    bad, good = scores(again, "cheats")
    assert bad > good


def test_a_certified_head_stays_as_it_is() -> None:
    base = taught()
    certificate = Certificate(
        policy_id="cheats", certified=True, threshold=0.5, recall=0.95, confidence=0.95,
        positives=60, misses_allowed=0, positives_needed=59, labels_needed=0,
        calibration_set="own", calibration_sha256="0" * 64, calibration_posts=100,
        escalation_rate=0.1, budget=None,
    )  # fmt: skip
    thresholds = np.where(np.array(base.policy_ids) == "cheats", 0.5, base.thresholds)
    certified = base.with_thresholds(thresholds, [certificate])
    assert refit(certified, lessons(), stream(400, seed=6)).version == certified.version


def test_how_it_selects_is_said_of_posts_that_did_not_teach_what_scored_them() -> None:
    chance = np.random.default_rng(1).random(len(TEXTS)) < 0.3
    screen = refit(cold_posts.base(), lessons(violates=chance), stream(400, seed=6))
    (found,) = [each for each in screen.selectivity if each.policy_id == "cheats"]
    assert found.recall is not None
    assert found.found([0.1])[0] == pytest.approx(0.1, abs=0.15)
