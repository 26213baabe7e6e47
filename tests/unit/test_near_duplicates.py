"""Which posts count as copies of each other."""

import numpy as np

from weir.transforms.text.features import BUCKETS, matrix
from weir.transforms.text.near_duplicates import clusters

LONG = "the quick brown fox jumps over the lazy dog while the cat looks on and says nothing at all"


def clustered(*texts: str) -> list[int]:
    return clusters(matrix(texts)).tolist()


def test_a_post_with_a_word_changed_is_a_copy() -> None:
    assert clustered("other", LONG, LONG.replace("lazy", "idle"), LONG + " !") == [0, 1, 1, 1]


def test_posts_on_the_same_subject_are_not_copies() -> None:
    assert clustered("I love my dog so much", "my dog is loved very much by me") == [0, 1]


def test_a_chain_of_copies_is_one_cluster() -> None:
    words = [f"word{n}" for n in range(60)]
    chain = [" ".join(words[n : n + 40]) for n in range(0, 20, 4)]
    assert clustered(*chain) == [0] * 5


def test_no_posts_and_empty_posts_have_clusters_of_their_own() -> None:
    assert clustered() == []
    assert clustered("", "a", "") == [0, 1, 2]


def test_a_cluster_does_not_depend_on_the_posts_around_it() -> None:
    noise = [f"post number {n} about {n * 7919}" for n in range(300)]
    found = clustered(*noise, LONG, LONG + " x")
    assert found[-1] == found[-2] == 300


def test_thousands_of_copies_are_found_without_comparing_all_pairs() -> None:
    counts = matrix([f"{LONG} {n % 7}" for n in range(5000)])
    assert counts.shape == (5000, BUCKETS)
    assert np.unique(clusters(counts)).tolist() == [0]
