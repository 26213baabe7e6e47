"""What a screen's file says of how its heads select."""

import json

import numpy as np
import pytest

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.model import STARTER, Screen
from weir.transforms.screen.selectivity import (
    LEAST_WORTH,
    SHARES,
    Selectivity,
    from_bytes,
    to_bytes,
    worth,
)
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


def of_stream(violating: float | None) -> Selectivity:
    return Selectivity("a", ("en",), CURVE, violating)


def test_a_share_that_verdicts_told_comes_back_from_the_file() -> None:
    heads = (of_stream(0.02), of_stream(None))
    assert from_bytes(to_bytes(heads)) == heads


@pytest.mark.parametrize("violating", [-0.1, 1.5, float("nan")])
def test_a_violating_share_that_is_none_is_refused(violating: float) -> None:
    with pytest.raises(ValueError, match="violating share of a"):
        of_stream(violating)


def test_a_point_of_recall_is_worth_as_much_as_there_are_violations() -> None:
    often, seldom = (found[-1] for found in worth([of_stream(0.03), of_stream(0.01)]) if found)
    assert often == pytest.approx(3 * seldom)


def test_a_head_that_no_verdict_speaks_of_is_worth_the_mean_of_the_others() -> None:
    found = worth([of_stream(0.03), of_stream(0.01), of_stream(None)])
    assert [each[-1] for each in found if each] == pytest.approx([0.03, 0.01, 0.02])


def test_a_head_of_which_nothing_was_found_keeps_a_part() -> None:
    found = worth([of_stream(0.03), of_stream(0.0)])
    assert [each[-1] for each in found if each] == pytest.approx([0.03, 0.03 * LEAST_WORTH])


def test_without_verdicts_a_curve_is_worth_itself() -> None:
    assert worth([KNOWN, None, Selectivity("b", ("en",))]) == [CURVE, None, None]
