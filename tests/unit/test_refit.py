"""What verdicts make of a screen that knows something already."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tests import cold_posts, reading
from tests.cold_posts import stream
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.screen import ReadingScreen
from weir.transforms.screen.teaching.lessons import Lessons
from weir.transforms.screen.training.reader_fit import PRESUMED, READ_SHARE
from weir.transforms.screen.training.refit import OPEN_SHARE, refit

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


def long_stream(posts: int, seed: int) -> list[str]:
    """Return posts; what the encoder knows, and what the head knows, is far behind in a third."""
    filler = "the gardeners of this town meet at the fountain in spring, " * 8
    return [
        f"{text} {filler} really bad, i am selling an aimbot {n}" if n % 3 == 0 else text
        for n, text in enumerate(stream(posts, every=posts, seed=seed))
    ]


def share_above(screen: Screen, texts: list[str]) -> float:
    head = screen.policy_ids.index("cheats")
    return float((screen.score(pa.array(texts))[:, head] >= screen.thresholds[head]).mean())


@cache
def two_stages(*others: str) -> ReadingScreen:
    heads = others or ("cheats",)
    base = ReadingScreen.over(reading.screen(*heads), reading.reader(*heads), reading.encoder())
    found = refit(base, lessons(), long_stream(800, seed=6))
    assert isinstance(found, ReadingScreen)
    return found


def test_a_first_stage_is_open_for_its_share_of_a_stream_with_long_posts() -> None:
    screen = refit(cold_posts.base(), lessons(), long_stream(800, seed=6))
    assert share_above(screen, long_stream(800, seed=7)) == pytest.approx(OPEN_SHARE, abs=0.05)


def test_two_stages_are_open_for_their_share_of_a_stream_with_long_posts() -> None:
    found = share_above(two_stages("other"), long_stream(800, seed=7))
    assert found == pytest.approx(OPEN_SHARE, abs=0.05)


def test_a_gate_is_open_for_its_share_of_a_stream_with_long_posts() -> None:
    screen = two_stages("other")
    first = screen.first().score(pa.array(long_stream(800, seed=7)))
    of_head = first[:, screen.policy_ids.index("cheats")]
    gate = screen.reader.gates[screen.reader.policy_ids.index("cheats")]
    assert (of_head >= gate).mean() == pytest.approx(READ_SHARE, abs=0.05)


def test_what_was_not_read_of_a_post_is_presumed_to_say_more_than_all_windows_of_most() -> None:
    screen = two_stages("other")
    parts = screen.encoder.embed_whole(long_stream(800, seed=7))
    head = screen.reader.policy_ids.index("cheats")
    meanings = screen.reader.meanings(*parts)[:, head]
    assert (meanings <= screen.reader.presumed[head] + 1e-3).mean() >= PRESUMED


def test_the_only_head_of_a_screen_learns_in_both_stages() -> None:
    assert two_stages().reader.policy_ids == ("cheats",)


def test_it_says_how_many_posts_of_the_stream_violate_each_policy() -> None:
    labels = np.column_stack([VIOLATES, np.zeros(len(TEXTS))]).astype(float)
    both = Lessons(TEXTS, labels, ("cheats", "other"))
    screen = refit(two_stages("other"), both, [*TEXTS, *stream(400, seed=6)])
    said = {each.policy_id: each.violating for each in screen.selectivity}
    assert said["cheats"] == pytest.approx(VIOLATES.mean(), rel=0.5)
    assert (said["other"] or 0) < 0.1 * VIOLATES.mean()


def test_a_head_that_reads_leaves_its_first_stage_as_it_is() -> None:
    again = refit(two_stages("other"), lessons(), long_stream(800, seed=6))
    assert isinstance(again, ReadingScreen)
    assert again.reader.first == two_stages("other").reader.first
    assert again.reader.version != two_stages("other").reader.version


def test_the_part_of_a_post_that_stands_out_teaches_wherever_it_is() -> None:
    filler = "the gardeners of this town meet at the fountain in spring, "
    texts = tuple(f"{filler * 2}and {'bad' if n % 4 == 0 else 'figs'} {n}" for n in range(80))
    violates = np.array([[float(n % 4 == 0)] for n in range(80)])
    base = ReadingScreen.over(reading.screen("other"), reading.reader("other"), reading.encoder())
    ordinary = [f"{filler}just {'bad' if n % 9 == 0 else 'figs'} in {n}" for n in range(400)]
    screen = refit(base, Lessons(texts, violates, ("other",)), ordinary)
    assert isinstance(screen, ReadingScreen)
    learned, known = screen.reader, base.reader
    told = learned.vectors[0, 0] / learned.slopes[0]
    assert told > 1.1 * known.vectors[0, 0] / known.slopes[0]
