"""The n-gram counts that the screen and the exemplar judge share."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.transforms.text.features import BUCKETS, matrix, matrix_of_views, pieces

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def same(left: object, right: object) -> bool:
    return (left != right).nnz == 0  # type: ignore[attr-defined]  # scipy's comparison is a matrix


@given(st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=50)
def test_a_row_is_the_same_alone_and_in_any_batch(texts: list[str]) -> None:
    together = matrix(texts)
    for row, text in enumerate(texts):
        assert same(together[row], matrix([text]))


def test_the_features_of_a_text_never_change() -> None:
    found = matrix(["Hello"])
    assert found.indices.tolist() == FEATURES_OF_HELLO
    assert np.array_equal(found.data, np.full(len(FEATURES_OF_HELLO), np.log1p(1), np.float32))


def test_repeats_count_by_their_logarithm() -> None:
    assert matrix(["ab ab ab"]).max() == np.float32(np.log1p(3))


def test_word_pairs_make_order_matter() -> None:
    assert not same(matrix(["one two"]), matrix(["two one"]))


def test_case_and_full_width_letters_do_not_matter() -> None:
    assert same(matrix(["FREE cash"]), matrix(["ｆｒｅｅ cash"]))


def test_no_n_gram_reaches_into_the_next_row() -> None:
    assert matrix(["ab", "cd"]).sum() == matrix(["ab"]).sum() + matrix(["cd"]).sum()


def test_an_empty_text_has_no_features() -> None:
    assert matrix(["", " ", "\x00"]).nnz == 0


def test_no_texts_give_no_rows() -> None:
    assert matrix([]).shape == (0, BUCKETS)
    assert not list(pieces(pa.array([], pa.string())))


def test_a_huge_post_is_scored_beside_small_ones() -> None:
    texts = ["small", "word " * 180_000, "small"]
    found = matrix(texts)
    assert found.shape[0] == 3
    assert same(found[0], found[2])


def test_buckets_are_named_once_a_piece_and_in_their_order() -> None:
    for piece in pieces(pa.array(["one two one", "two one", ""])):
        assert np.all(np.diff(piece.buckets) > 0)
        assert piece.matrix().shape == (3, BUCKETS)


def test_a_batch_is_cut_into_pieces_whatever_the_sizes() -> None:
    texts = [("x y z " * (n % 977))[: n * 37 % 5000] for n in range(1500)]
    assert sum(piece.counts.shape[0] for piece in pieces(pa.array(texts))) == len(texts)


def test_the_first_view_of_each_row_is_the_row_also_behind_one_of_many_pieces() -> None:
    texts = ["one two", "", "three four " * 100, "five six " * 20_000, "seven"]
    views, begins = matrix_of_views(texts)
    assert same(views[begins], matrix(texts))
    assert np.diff(begins, append=views.shape[0]).tolist()[:2] == [1, 1]
    assert views.shape[0] > 1000


FEATURES_OF_HELLO = [3002, 6666, 90361, 98998, 104872, 172907, 201669, 223525, 259124]
