"""Which messages of a slice are decided anew, and what they stand for."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.read.find_slices import Slice
from weir.transforms.screen.route import draw_posts
from weir.transforms.select import Decided, Replayed, Selection, fingerprints
from weir.transforms.select.step import weigh

IDS = pa.array([f"post-{n}" for n in range(20_000)])


def offsets(parts):
    return [(part.start, part.stop) for part in parts]


def test_a_sample_takes_about_its_share():
    taken = Selection(0.01).mask(IDS).sum()
    assert 140 < taken < 260


def test_a_sample_is_the_same_every_time_and_part_of_every_larger_one():
    small, large = Selection(0.01).mask(IDS), Selection(0.1).mask(IDS)
    assert (small == Selection(0.01).mask(IDS)).all()
    assert not (small & ~large).any()


def test_a_sample_is_drawn_apart_from_the_audit():
    both = Selection(0.1).mask(IDS) & draw_posts(IDS, 0.1, "")
    assert 140 < both.sum() < 260


def test_only_the_posts_of_a_set_are_taken():
    chosen = Selection(ids=fingerprints(["post-7", "post-19", "not there"]))
    assert np.flatnonzero(chosen.mask(IDS)).tolist() == [7, 19]


def test_a_set_and_a_sample_take_what_is_in_both():
    ids = fingerprints(IDS.to_pylist()[:10_000])
    both = Selection(0.1, ids).mask(IDS)
    assert not (Selection(0.1, salt="a").mask(IDS) == Selection(0.1, salt="b").mask(IDS)).all()
    assert (both == (Selection(0.1).mask(IDS) & Selection(1.0, ids).mask(IDS))).all()


def test_an_empty_set_takes_nothing():
    assert not Selection(ids=fingerprints([])).mask(IDS).any()


def test_sets_of_the_same_ids_have_the_same_digest():
    a, b = Selection(ids=fingerprints(["x", "y", "x"])), Selection(ids=fingerprints(["y", "x"]))
    assert a.digest == b.digest != Selection(ids=fingerprints(["x"])).digest
    assert Selection().digest == ""


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_a_share_is_above_none_and_at_most_all(share):
    with pytest.raises(ValueError, match="share"):
        Selection(share)


def test_a_row_of_a_sample_says_how_likely_it_was_there():
    rows = pa.RecordBatch.from_pydict(
        {"route": ["escalate", "audit"], "inclusion_probability": pa.array([1.0, 0.01])}
    )
    assert weigh(rows, 0.1)["inclusion_probability"].to_pylist() == pytest.approx([0.1, 0.001])


def test_decided_offsets_are_known_by_partition():
    decided = Decided.of([("posts", 0, 5, 10), ("posts", 0, 20, 21), ("posts", 1, 0, 3)])
    assert decided.mask("posts", 0, np.array([4, 5, 9, 10, 20, 21])).tolist() == [
        *(False, True, True, False, True, False)
    ]
    assert not decided.mask("posts", 2, np.array([5])).any()
    assert decided.offsets == 9


def test_a_long_stretch_that_is_decided_is_not_read_again():
    decided = Decided.of([("posts", 0, 1000, 5000)])
    assert offsets(decided.left_of(Slice("posts", 0, 0, 9000))) == [(0, 1000), (5000, 9000)]
    assert offsets(decided.left_of(Slice("posts", 0, 1000, 5000))) == []
    assert offsets(decided.left_of(Slice("posts", 1, 1000, 5000))) == [(1000, 5000)]


def test_a_short_stretch_is_read_with_what_is_around_it():
    decided = Decided.of([("posts", 0, 100, 110)])
    assert offsets(decided.left_of(Slice("posts", 0, 0, 9000))) == [(0, 9000)]


def test_a_small_slice_that_is_decided_is_not_read_either():
    decided = Decided.of([("posts", 0, 100, 110)])
    assert decided.left_of(Slice("posts", 0, 100, 110)) == []


stretches = st.lists(st.integers(0, 30_000), max_size=12, unique=True).map(
    lambda cuts: [
        ("posts", 0, a, b) for a, b in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)
    ]
)


@given(stretches, st.integers(0, 30_000), st.integers(1, 20_000))
def test_what_is_left_holds_all_that_is_not_decided_and_no_offset_twice(made, start, size):
    part, decided = Slice("posts", 0, start, start + size), Decided.of(made)
    left = decided.left_of(part)
    every = np.arange(part.start, part.stop)
    read = np.concatenate([np.arange(each.start, each.stop) for each in left] or [every[:0]])
    assert len(np.unique(read)) == len(read)
    assert set(every[~decided.mask("posts", 0, every)]) <= set(read) <= set(every)
    assert decided.within(part) == decided.mask("posts", 0, every).sum()


def test_a_replay_knows_how_much_it_has_left():
    whole = (Slice("posts", 0, 0, 9000), Slice("posts", 1, 0, 10))
    left = Replayed.of(whole, Selection(), Decided.of([("posts", 0, 0, 4000), ("posts", 1, 2, 4)]))
    assert (left.offsets, left.undecided) == (5010, 5008)
