"""What a screen's file says of how its heads select."""

import json

import numpy as np
import pytest

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.model import STARTER, Screen
from weir.transforms.screen.selectivity import SHARES, Selectivity, from_bytes, to_bytes
from weir.transforms.text.features import BUCKETS
from weir.transforms.text.languages import GROUPS

CURVE = tuple(np.sqrt(SHARES).tolist())
KNOWN = Selectivity("a", ("en", "latin"), CURVE)


@pytest.fixture(scope="module")
def screen() -> Screen:
    zeros = np.zeros((BUCKETS, 2), np.float32)
    return Screen.of(
        ("a", "b"), zeros, np.ones(BUCKETS, np.float32), np.zeros(2), np.array([0.1, 0.2])
    )


def test_a_point_of_recall_more_takes_what_the_curve_says() -> None:
    line = Selectivity("a", ("en",), tuple(0.9 * share for share in SHARES))
    assert line.share_of_a_point(0.3) == pytest.approx(0.01 / 0.9)
    assert line.share_of_a_point(0.0) == pytest.approx(0.01 / 0.9)


def test_a_point_beyond_a_flat_part_of_the_curve_takes_all_of_it() -> None:
    flat = Selectivity("a", ("en",), (*[0.5] * 7, 0.5, 0.7, 0.7))
    assert flat.share_of_a_point(0.01) == pytest.approx(0.19 + 0.3 / 20)


def test_what_a_point_takes_is_not_known_of_an_unmeasured_head_nor_where_none_is_left() -> None:
    assert Selectivity("a", ("en",)).share_of_a_point(0.1) is None
    assert KNOWN.share_of_a_point(1.0) is None


def test_what_is_known_comes_back_from_the_file(screen: Screen) -> None:
    saved = Screen.parse(screen.with_selectivity([KNOWN]).file)
    assert saved.selectivity == (KNOWN,)


def test_what_is_known_stays_when_thresholds_change(screen: Screen) -> None:
    other = screen.with_selectivity([KNOWN]).with_thresholds(np.full(2, 0.5))
    assert other.selectivity == (KNOWN,)


def test_a_screen_that_knows_nothing_has_the_file_that_it_always_had(screen: Screen) -> None:
    assert screen.with_selectivity([]).version == screen.version


@pytest.mark.parametrize("recall", [(0.5,), (*CURVE[:-1], 1.5), (*CURVE[:-1], float("nan"))])
def test_a_curve_that_is_none_is_refused(recall: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="recall of a"):
        Selectivity("a", (), recall)


@pytest.mark.parametrize(
    "change",
    [{"languages": "en"}, {"languages": [1]}, {"policy_id": None}, {"recall": ["x"] * 10}],
)
def test_a_file_that_says_something_else_is_refused(change: dict) -> None:
    (row,) = json.loads(to_bytes([KNOWN]))
    with pytest.raises((TypeError, ValueError)):
        from_bytes(json.dumps([row | change]).encode())


@pytest.mark.parametrize("heads", [["a", "a"], ["c"]], ids=["twice", "another's"])
def test_a_screen_that_knows_of_other_heads_is_refused(screen: Screen, heads: list[str]) -> None:
    with pytest.raises(ScreenError, match="how a head selects"):
        screen.with_selectivity([Selectivity(head, ()) for head in heads])


def test_the_starter_promises_nothing_and_knows_english() -> None:
    starter = Screen.load(STARTER)
    assert starter.certificates == ()
    known = {each.policy_id: each.languages for each in starter.selectivity}
    assert set(known) == set(starter.policy_ids)
    assert all("en" in languages for languages in known.values())
    assert {name for languages in known.values() for name in languages} <= set(GROUPS)
