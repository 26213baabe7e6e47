"""What the benchmark of selectivity may let a way know, and what it says of ways that are known."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.benchmarks.selectivity import Measured, divided_recall, measure, requests_needed
from tests.benchmarks.selectivity_ways import FirstStage, Posts, WordList
from tests.screen_posts import labelled, posts
from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.training.labelled import LabelledPost

POLICIES = ("bad",)
STREAMS = (("street",), ("market",))


def made_up() -> Posts:
    """Return two labelled sets that share a post, examples, and two ordinary streams."""
    shared = posts(1, 1, seed=3)
    sets = [
        labelled(*posts(60, 30, seed=1), *shared, name="one"),
        labelled(*posts(60, 30, seed=2), *shared, name="two"),
        labelled(*posts(60, 30, seed=4), name="golden_examples", calibrates=False),
    ]
    streams = [
        labelled(
            *(LabelledPost(p.text, {}, frozenset(POLICIES)) for p in posts(80, 0, seed=seed)),
            name=name,
        )
        for seed, name in ((5, "street"), (6, "market"))
    ]
    return Posts.of(sets, streams, POLICIES, limit=1000)


@pytest.fixture(scope="module")
def small() -> Posts:
    return made_up()


class Oracle:
    """Knows what violates, and remembers what it was allowed to learn from."""

    name = "oracle"

    def __init__(self) -> None:
        self.trained: list[Mask] = []

    def scores(self, posts: Posts, train: Mask) -> Floats:
        self.trained.append(train)
        return np.nan_to_num(posts.labels)


def ids(measured: Measured) -> Sequence[tuple[str, str]]:
    return [(curve.policy_id, curve.labelled_set) for curve in measured.curves]


def test_what_is_measured_has_taught_nothing(small: Posts) -> None:
    oracle = Oracle()
    measure(oracle, small, STREAMS)
    left_out = [("one", "street"), ("one", "market"), ("two", "street"), ("two", "market")]
    assert len(oracle.trained) == len(left_out)
    for train, names in zip(oracle.trained, left_out, strict=True):
        assert not (train & small.rows(names)).any()


def test_a_post_of_two_sets_is_left_out_with_either(small: Posts) -> None:
    both = small.rows(["one"]) & small.rows(["two"])
    assert both.sum() == 1
    oracle = Oracle()
    measure(oracle, small, STREAMS)
    assert not any((train & both).any() for train in oracle.trained)


def test_who_knows_what_violates_needs_next_to_no_requests(small: Posts) -> None:
    measured = measure(Oracle(), small, STREAMS)
    assert set(ids(measured)) == {("bad", "one"), ("bad", "two"), ("bad", "golden_examples")}
    assert requests_needed(measured, POLICIES) == pytest.approx(1.0)
    assert divided_recall(measured, POLICIES, 100) == pytest.approx(1.0)


def test_a_curve_counts_the_violating_posts_once_however_many_streams_there_are(
    small: Posts,
) -> None:
    measured = measure(Oracle(), small, STREAMS)
    positives = {curve.labelled_set: curve.positives for curve in measured.curves}
    assert positives["one"] == positives["two"] == 31


def test_no_stream_is_touched_more_than_the_share_that_is_asked_for(small: Posts) -> None:
    measured = measure(WordList(), small, STREAMS)
    assert (np.diff(measured.untouched) <= 0).all()
    assert measured.untouched[-1] == 0.0


def test_a_way_finds_in_a_new_set_the_word_that_the_others_taught(small: Posts) -> None:
    measured = measure(FirstStage("first", ordinary=True), small, (("street", "market"),))
    assert requests_needed(measured, POLICIES) < 200
    low, high = measured.curves[0].interval(0.1)
    assert low < measured.curves[0].at(0.1) <= high <= 1.0
