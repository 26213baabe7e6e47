"""Which posts a head learns from, which calibrate it, and which measure it."""

import numpy as np
import pytest

from tests.screen_posts import labelled, posts
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.labelled import LabelledPost
from weir.transforms.screen.training.split import HeadSplit, Part, head_split


def split(corpus: Corpus) -> HeadSplit:
    return head_split(corpus, 0, 0.95, 0.95)


def positives(corpus: Corpus, found: HeadSplit, part: Part) -> int:
    return int((corpus.labels[found.part == part, 0] == 1).sum())


@pytest.fixture(scope="module")
def enough() -> Corpus:
    return Corpus.of([labelled(*posts(1000, 400))], ["bad"])


def test_a_head_with_positives_enough_keeps_a_number_that_certifies(enough: Corpus) -> None:
    found = split(enough)
    assert found.certifiable
    assert found.labels_needed == 0
    assert positives(enough, found, Part.CALIBRATION) == 59  # 93 would allow one miss


def test_a_head_with_too_few_learns_from_all_but_the_test_posts() -> None:
    corpus = Corpus.of([labelled(*posts(400, 100))], ["bad"])
    found = split(corpus)
    assert not found.certifiable
    assert positives(corpus, found, Part.CALIBRATION) == 0
    held_out = positives(corpus, found, Part.TEST)
    assert positives(corpus, found, Part.TRAIN) == 100 - held_out
    assert found.labels_needed == np.ceil((2 * 59 - (100 - held_out)) / 0.8)


def test_copies_are_never_in_two_parts() -> None:
    twins = [
        LabelledPost(f"{post.text} {end}", post.labels)
        for post in posts(200, 100)
        for end in ("!", "?", "...")
    ]
    corpus = Corpus.of([labelled(*twins)], ["bad"])
    part = split(corpus).part
    assert len(np.unique(corpus.cluster)) == 200
    assert all(len(set(part[corpus.cluster == each])) == 1 for each in corpus.cluster)


def test_parts_do_not_depend_on_the_order_of_posts_and_sets(enough: Corpus) -> None:
    rows = posts(1000, 400)
    again = Corpus.of([labelled(*rows[:300:-1]), labelled(*rows[:301])], ["bad"])
    assert again.texts.equals(enough.texts)
    assert np.array_equal(split(again).part, split(enough).part)


def test_draws_are_spread_evenly(enough: Corpus) -> None:
    counts, _ = np.histogram(enough.draw, 10, (0, 1))
    assert counts.min() > 60


def test_where_labels_of_equal_posts_differ_violates_wins_and_is_counted() -> None:
    rows = [LabelledPost("Same Post", {"bad": False}), LabelledPost("same  post", {"bad": True})]
    corpus = Corpus.of([labelled(*rows)], ["bad"])
    assert corpus.labels.tolist() == [[1.0]]
    assert corpus.conflicts == 1


def test_written_examples_never_calibrate_where_traffic_is_labelled() -> None:
    examples = labelled(*posts(200, 100, seed=9), calibrates=False, name="examples")
    corpus = Corpus.of([labelled(*posts(1000, 400)), examples], ["bad"])
    part = split(corpus).part
    assert set(part[~corpus.calibrates]) == {Part.TRAIN}


def test_an_example_with_a_copy_among_the_posts_held_out_is_not_learned_from() -> None:
    rows = posts(1000, 400)
    examples = [LabelledPost(post.text + " !", post.labels) for post in rows]
    corpus = Corpus.of(
        [labelled(*rows), labelled(*examples, calibrates=False, name="examples")], ["bad"]
    )
    part = split(corpus).part
    held_out = np.isin(part, (Part.CALIBRATION, Part.TEST))
    learned = set(corpus.cluster[part == Part.TRAIN])
    assert not learned & set(corpus.cluster[held_out])
    assert Part.UNUSED in part


def test_examples_measure_a_head_that_nothing_else_labels() -> None:
    unlabelled = [LabelledPost(post.text, {}, frozenset({"bad"})) for post in posts(200, 0, seed=3)]
    examples = labelled(*posts(100, 50), calibrates=False, name="examples")
    corpus = Corpus.of([labelled(*unlabelled), examples], ["bad"])
    part = split(corpus).part[~corpus.calibrates]
    assert {Part.TRAIN, Part.TEST} == set(part)
