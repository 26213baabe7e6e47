"""Scores by heads that saw neither a post nor its copies, so that every label calibrates."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.reading import encoder
from tests.screen_posts import labelled, posts
from weir.transforms.screen.training import cross_fit
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.cross_fit import (
    CrossFitted,
    count_folds,
    cross_fitted,
    fit_first,
    fit_second,
    folds_of,
)
from weir.transforms.screen.training.labelled import LabelledPost
from weir.transforms.screen.training.readings import Readings


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    twins = [
        LabelledPost(f"{post.text} {end}", post.labels)
        for post in posts(150, 60)
        for end in ("!", "?")
    ]
    return Corpus.of([labelled(*twins)], ["bad"])


@pytest.fixture(scope="module")
def scored(corpus: Corpus) -> CrossFitted:
    return cross_fitted(corpus, [0], None)


def test_every_labelled_post_has_a_score(scored: CrossFitted) -> None:
    assert not np.isnan(scored.first).any()


def test_a_score_is_of_a_twin_that_saw_no_post_of_the_fold(
    corpus: Corpus, scored: CrossFitted
) -> None:
    fold = folds_of(corpus)
    twin = fit_first(corpus, [0], fold != 0).score(corpus.texts)
    assert np.array_equal(scored.first[fold == 0], twin[fold == 0])
    assert not np.array_equal(scored.first[fold != 0], twin[fold != 0])


def test_heads_are_the_means_of_their_twins(corpus: Corpus, scored: CrossFitted) -> None:
    fold = folds_of(corpus)
    twins = [fit_first(corpus, [0], fold != number) for number in range(count_folds(corpus))]
    assert scored.screen.bias[0] == pytest.approx(np.mean([twin.bias[0] for twin in twins]))
    mean = np.mean([twin.weights for twin in twins], axis=0)
    assert np.abs(scored.screen.weights - mean).max() < 0.01


def test_copies_are_in_one_fold(corpus: Corpus) -> None:
    fold = folds_of(corpus)
    assert len(np.unique(corpus.cluster)) == 150
    assert all(len(set(fold[corpus.cluster == each])) == 1 for each in corpus.cluster)


def test_an_example_with_a_copy_in_a_fold_teaches_the_twin_of_that_fold_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = posts(60, 30)
    examples = [LabelledPost(post.text + " !", post.labels) for post in rows]
    both = Corpus.of(
        [labelled(*rows), labelled(*examples, calibrates=False, name="examples")], ["bad"]
    )
    taught = []

    def noted(corpus, heads, learned):
        taught.append(learned)
        return fit_first(corpus, heads, learned)

    monkeypatch.setattr(cross_fit, "fit_first", noted)
    cross_fitted(both, [0], None)
    fold = folds_of(both)
    for learned in taught:
        (held,) = set(fold[~learned])
        assert not set(both.cluster[learned]) & set(both.cluster[fold == held])


def test_a_head_that_cannot_learn_without_a_fold_has_no_scores_there() -> None:
    one = Corpus.of([labelled(*posts(40, 1))], ["bad"])
    found = cross_fitted(one, [0], None).first[:, 0]
    assert np.isnan(found[one.labels[:, 0] == 1]).all()
    assert not np.isnan(found).all()


def test_a_second_stage_that_cannot_learn_without_a_fold_has_no_scores_there(
    corpus: Corpus,
) -> None:
    fold, violates = folds_of(corpus), corpus.labels[:, 0] == 1
    alone = int(fold[violates][0])
    few = replace(corpus, to_read=~violates | (fold == alone))
    readings = Readings.of(few, encoder())
    found = cross_fitted(few, [0], readings)
    assert found.meanings is not None
    here = fold[readings.rows] == alone
    assert np.isnan(found.meanings[here]).all()
    assert not np.isnan(found.meanings[~here]).any()
    others = [n for n in range(count_folds(few)) if n != alone]
    twins = [fit_second(few, [0], fold != number, readings) for number in others]
    assert found.coefficients == pytest.approx(np.mean(twins, axis=0))


def test_a_second_stage_that_no_twin_can_learn_adds_nothing(corpus: Corpus) -> None:
    violating = replace(corpus, to_read=corpus.labels[:, 0] == 1)
    found = cross_fitted(violating, [0], Readings.of(violating, encoder()))
    assert found.meanings is not None
    assert not found.meanings.any()
    assert found.coefficients is not None
    assert not found.coefficients.any()


def test_draws_are_spread_evenly() -> None:
    counts, _ = np.histogram(Corpus.of([labelled(*posts(1000, 400))], ["bad"]).draw, 10, (0, 1))
    assert counts.min() > 60


def test_scores_do_not_depend_on_the_order_of_posts_and_sets(
    corpus: Corpus, scored: CrossFitted
) -> None:
    rows = [
        LabelledPost(f"{post.text} {end}", post.labels)
        for post in reversed(posts(150, 60))
        for end in ("?", "!")
    ]
    again = Corpus.of([labelled(*rows[:100]), labelled(*rows[100:])], ["bad"])
    assert again.texts.equals(corpus.texts)
    assert np.array_equal(cross_fitted(again, [0], None).first, scored.first)


def test_where_labels_of_equal_posts_differ_violates_wins_and_is_counted() -> None:
    rows = [LabelledPost("Same Post", {"bad": False}), LabelledPost("same  post", {"bad": True})]
    corpus = Corpus.of([labelled(*rows)], ["bad"])
    assert corpus.labels.tolist() == [[1.0]]
    assert corpus.conflicts == 1


def test_of_a_large_set_few_posts_are_read_and_the_violating_ones_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weir.transforms.screen.training.corpus.MOST_READ", 30)
    large = Corpus.of([labelled(*posts(100, 10))], ["bad"])
    assert large.to_read.sum() == 30
    assert large.to_read[large.labels[:, 0] == 1].all()


def test_a_large_corpus_is_dealt_into_fewer_folds(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = count_folds(corpus)
    monkeypatch.setattr(cross_fit, "_MANY", 100)
    assert count_folds(corpus) < few
    assert len(np.unique(folds_of(corpus))) == count_folds(corpus)


def test_what_may_violate_teaches_a_head_and_is_no_label() -> None:
    rumours = [
        LabelledPost(post.text.replace("verybadword", "gossip"), {}, likely={"bad": 0.5})
        for post in posts(60, 60, seed=8)
    ]
    corpus = Corpus.of([labelled(*posts(150, 60)), labelled(*rumours)], ["bad"])
    unlabelled = np.isnan(corpus.labels[:, 0])
    assert unlabelled.sum() == len(rumours)
    everything = np.ones(len(unlabelled), bool)
    taught = fit_first(corpus, [0], everything).score(pa.array(["gossip", "nothing"]))
    untaught = fit_first(corpus, [0], ~unlabelled).score(pa.array(["gossip", "nothing"]))
    assert taught[0, 0] > 0.5 > taught[1, 0]
    assert untaught[0, 0] == pytest.approx(untaught[1, 0], abs=0.1)


def test_a_label_decides_over_what_may_be() -> None:
    safe = LabelledPost("one post", {"bad": False})
    rumour = LabelledPost("one post", {}, likely={"bad": 1.0})
    corpus = Corpus.of([labelled(safe), labelled(rumour)], ["bad"])
    assert corpus.labels.tolist() == [[0.0]]
    assert corpus.likely.tolist() == [[0.0]]
