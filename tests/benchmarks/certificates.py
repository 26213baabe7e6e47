"""How well the screen ranks, and whether its certificates hold: ``--data FOLDER`` has the sets.

``python -m tests.benchmarks.certificates --data FOLDER [--splits N] [--json FILE]`` measures

- average precision of each head and of any policy, on the split that ``weir screen train`` makes;
- the same for any policy, cross-validated on OpenAI-2022 alone, with the two settings of the fit
  as they are and chosen anew inside every fold;
- the certified and the naive threshold in random splits. *observed* counts splits whose recall on
  the test posts is at or above the target. A certificate speaks of the recall on all posts to come,
  and test posts are a finite sample: a threshold whose recall is just the target is seen below it
  in half of the splits. So *true* draws calibration posts from the scores of all posts held out,
  which makes these the population, and counts draws whose recall on all of it meets the target.
  *expected* is what *observed* comes to where all posts are exchangeable: how many of m test posts
  lie below the (k+1)-th of n calibration posts is negative hypergeometric, whatever the scores.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import nhypergeom, rankdata

from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.screen.certificate import (
    certified_threshold,
    misses_allowed,
    naive_threshold,
)
from weir.transforms.screen.training.card import any_policy, average_precision
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.fit import (
    SMOOTHING,
    STRENGTH,
    WEAK_WEIGHT,
    fit_head,
    inverse_frequencies,
    scaled,
)
from weir.transforms.screen.training.labelled import (
    LabelledPost,
    LabelledSet,
    golden_examples,
    public_sets,
)
from weir.transforms.screen.training.split import Part, head_split
from weir.transforms.screen.training.train import TrainingSettings, fit, lowest_of_clusters, train

RECALL = 0.95
TEST_SHARE = 0.4  # of the random splits: the more, the less the test posts' own chance matters
SMALL_TEST = 0.2  # where more would leave too few violating posts for the other parts
DRAWS = 200  # of calibration posts, a split
MOST_TRIES = 10  # of splits, for one with violating posts enough; their number decides, no score
GRID = tuple(product((3.0, 10.0), (3e-5, 1e-4, 3e-4)))
OPENAI = ("sexual-content", "hate", "violence", "harassment", "self-harm")


@dataclass(frozen=True)
class Held:
    """What one threshold did in all splits; shares in [0, 1]."""

    observed: int  # splits whose test recall is at or above the target
    expected: float  # share of splits in which exchangeable posts would be
    true: float  # share of draws whose recall on the population is
    mean_recall: float
    mean_escalation: float  # of the test posts


@dataclass(frozen=True)
class Splits:
    """Both thresholds of one head, over splits that had positives enough."""

    head: str
    confidence: float
    splits: int
    calibration_positives: float  # clusters, mean
    misses_allowed: float
    test_positives: float
    certified: Held
    naive: Held


def with_salt(corpus: Corpus, salt: int) -> Corpus:
    """Return the same posts with other draws, one a cluster."""
    random = np.random.default_rng(salt)
    return replace(corpus, draw=random.random(len(corpus.draw))[corpus.cluster])


def random_splits(
    corpus: Corpus, head: int, splits: int, confidence: float, test_share: float
) -> Splits | None:
    """Fit, calibrate and measure one head, in as many random splits that can certify it.

    None where no split can.
    """
    rows: dict[str, list[tuple[float, float, float, float]]] = {"certified": [], "naive": []}
    sizes = []
    for salt in range(MOST_TRIES * splits):
        if len(sizes) == splits:
            break
        drawn = with_salt(corpus, salt)
        split = head_split(drawn, head, RECALL, confidence, test_share)
        if not split.certifiable:
            continue
        weights, inverse, bias = fit(drawn, {head: split})
        norm = np.maximum(np.sqrt(drawn.counts.power(2) @ inverse**2), 1e-6)
        scores = np.asarray(drawn.counts @ weights[:, 0], float) / norm + bias[0]
        violates = drawn.calibrates & (drawn.labels[:, head] == 1)
        test = (split.part == Part.TEST) & drawn.calibrates
        held = lowest_of_clusters(scores, drawn, violates & (split.part == Part.CALIBRATION))
        measured, everyone = scores[test & violates], scores[test]
        population = np.sort(
            np.concatenate([held, lowest_of_clusters(scores, drawn, test & violates)])
        )
        k = misses_allowed(len(held), RECALL, confidence)
        sizes.append((len(held), k, len(measured)))
        chosen = certified_threshold(held, RECALL, confidence)
        naive = int((1 - RECALL) * len(held) + 1e-9)
        pairs = ((chosen, k), (naive_threshold(held, RECALL), naive))
        random = np.random.default_rng(salt)
        draws = np.sort(random.choice(population, (DRAWS, len(held))), axis=1)
        for found, (threshold, order) in zip(rows.values(), pairs, strict=True):
            missed = np.searchsorted(population, draws[:, order], "left") / len(population)
            true = float((1 - missed >= RECALL).mean())
            recall, gone = (measured >= threshold).mean(), (everyone >= threshold).mean()
            expected = expected_to_hold(len(held), order, len(measured))
            found.append((recall, gone, true, expected))
        print(f"{corpus.policy_ids[head]}: split {len(sizes)} of {splits}", file=sys.stderr)
    if not sizes:
        print(f"{corpus.policy_ids[head]}: too few posts for {confidence}", file=sys.stderr)
        return None
    n, k, m = np.mean(sizes, axis=0)
    certified, naive_held = (_held(found) for found in rows.values())
    return Splits(
        corpus.policy_ids[head],
        confidence,
        len(sizes),
        float(n),
        float(k),
        float(m),
        certified,
        naive_held,
    )


def expected_to_hold(calibration: int, order: int, test: int) -> float:
    """Return the chance that test recall meets the target at the order-th threshold."""
    below = nhypergeom(calibration + test, test, order + 1)
    return float(below.cdf(int((1 - RECALL) * test + 1e-9)))


def _held(found: Sequence[tuple[float, float, float, float]]) -> Held:
    recall, gone, true, expected = np.array(found).T
    return Held(
        observed=int((recall >= RECALL).sum()),
        expected=float(expected.mean()),
        true=float(true.mean()),
        mean_recall=float(recall.mean()),
        mean_escalation=float(gone.mean()),
    )


def out_of_fold(
    corpus: Corpus, rows: np.ndarray, fold: np.ndarray, strength: float, smoothing: float
) -> np.ndarray:
    """Return the any-policy score of the rows, each by heads that have not seen its fold."""
    scores = np.full((len(corpus.draw), len(corpus.policy_ids)), np.nan)
    for number in np.unique(fold[rows]):
        learned, held_out = rows[fold[rows] != number], rows[fold[rows] == number]
        scores[held_out] = head_scores(corpus, learned, held_out, strength, smoothing)
    return any_policy(scores[rows])


def head_scores(
    corpus: Corpus, learned: np.ndarray, held_out: np.ndarray, strength: float, smoothing: float
) -> np.ndarray:
    """Return (held_out, heads) scores of heads fitted to ``learned``."""
    inverse = inverse_frequencies(corpus.counts[learned])
    vectors, others = (scaled(corpus.counts[rows], inverse) for rows in (learned, held_out))
    scores = np.empty((len(held_out), len(corpus.policy_ids)))
    for head in range(len(corpus.policy_ids)):
        labels, weak = corpus.labels[learned, head], corpus.weak[learned, head]
        known = np.flatnonzero(~np.isnan(labels) | weak)
        weights, bias = fit_head(
            vectors[known],
            labels[known] == 1,
            np.where(weak[known], WEAK_WEIGHT, 1.0),
            strength,
            smoothing,
        )
        scores[:, head] = 1 / (1 + np.exp(-(others @ weights.astype(float) + bias)))
    return scores


def cross_validated(
    openai: LabelledSet, seeds: int, folds: int, tried: int
) -> dict[str, list[float]]:
    """Return average precision of any policy on OpenAI-2022 alone, one figure a seed.

    Near-duplicates are in one fold. *nested* chooses strength and smoothing by the other folds.
    """
    corpus = Corpus.of([openai], OPENAI)
    truth = np.nansum(corpus.labels, axis=1) > 0
    rows = np.arange(len(truth))
    found: dict[str, list[float]] = {"as they are": [], "nested": []}
    for seed in range(seeds):
        draw = with_salt(corpus, seed).draw
        fold = (draw * folds).astype(int)
        inner = (draw * folds * folds).astype(int) % folds
        scores = out_of_fold(corpus, rows, fold, STRENGTH, SMOOTHING)
        found["as they are"].append(average_precision(truth, scores) or 0.0)
        nested = np.empty(len(truth))
        for number in range(folds):
            learned, held_out = rows[fold != number], rows[fold == number]
            best = max(
                GRID[:tried],
                key=lambda grid: (
                    average_precision(truth[learned], out_of_fold(corpus, learned, inner, *grid))
                    or 0.0
                ),
            )
            # Ranks, because other settings give scores of another scale.
            found_here = any_policy(head_scores(corpus, learned, held_out, *best))
            nested[held_out] = rankdata(found_here) / len(held_out)
        found["nested"].append(average_precision(truth, nested) or 0.0)
        print(f"cross-validation: seed {seed + 1} of {seeds}", file=sys.stderr)
    return found


def any_of(openai: LabelledSet) -> LabelledSet:
    """Return OpenAI-2022 labelled for one policy: whatever violates any."""
    posts = (LabelledPost(p.text, {"any policy": any(p.labels.values())}) for p in openai.posts)
    return replace(openai, posts=tuple(posts))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tried", type=int, default=len(GRID), help="settings of the fit")
    parser.add_argument("--folds", type=int, default=5, help="of the cross-validation")
    parser.add_argument("--json", type=Path, default=Path("certificates.json"))
    options = parser.parse_args(argv)
    public, library = public_sets(options.data), load_policies(LIBRARY)
    openai = public[0]
    sets = [*public, golden_examples(library)]
    card = train(sets, [p.policy_id for p in library.policies], TrainingSettings()).card
    folds = cross_validated(openai, options.seeds, options.folds, options.tried)
    every = Corpus.of(sets, ("sexual-content", "hate"))
    alone = Corpus.of([any_of(openai)], ("any policy",))
    measured_splits = [
        random_splits(corpus, head, options.splits, confidence, test_share)
        for corpus, head, confidence, test_share in (
            (alone, 0, 0.95, TEST_SHARE),
            (alone, 0, 0.99, TEST_SHARE),
            (every, 0, 0.95, TEST_SHARE),
            (every, 0, 0.99, SMALL_TEST),
            (every, 1, 0.95, TEST_SHARE),
            (every, 1, 0.99, TEST_SHARE),
        )
    ]
    splits = [each for each in measured_splits if each is not None]
    measured = {
        "card": card,
        "cross_validated": folds,
        "splits": [asdict(each) for each in splits],
    }
    options.json.write_text(json.dumps(measured, indent=2) + "\n")
    _print(card, folds, splits)
    print(f"\nall of it is in {options.json}")


def _print(card, folds, splits) -> None:
    print("average precision on the test posts of the tool's split")
    whole = {"policy_id": "any policy"} | card["any_policy"]
    whole["test_negatives"] = whole["test_posts"] - whole["test_positives"]
    for each in (*card["heads"], whole):
        positives, negatives = each["test_positives"], each["test_negatives"]
        precision = each["test_average_precision"] or 0
        print(f"  {each['policy_id']:16}{precision:6.3f}  {positives} of {positives + negatives}")
    print("\nany policy, cross-validated on OpenAI-2022 alone")
    for name, found in folds.items():
        print(f"  settings {name:12} {np.mean(found):.3f}  ({min(found):.3f} to {max(found):.3f})")
    print(f"\nrecall {RECALL}: share of the splits at or above it")
    columns = f"{'observed':>9}{'expected':>9}{'true':>7}{'recall':>8}{'gone':>7}"
    print(f"{'':27}{'calibration':>12}{'misses':>8}{'test':>6}  {'certified':42}naive")
    print(
        f"{'head':16}{'confidence':>11}{'positives':>12}{'allowed':>8}{'':6}  {columns}  {columns}"
    )
    for each in splits:
        print(f"{each.head:16}{each.confidence:11}{each.calibration_positives:12.0f}"
              f"{each.misses_allowed:8.1f}{each.test_positives:6.0f}"
              f"  {_columns(each.certified, each.splits)}"
              f"  {_columns(each.naive, each.splits)}")  # fmt: skip


def _columns(held: Held, splits: int) -> str:
    return (
        f"{f'{held.observed}/{splits}':>9}{held.expected:9.1%}{held.true:7.1%}"
        f"{held.mean_recall:8.3f}{held.mean_escalation:7.1%}"
    )


if __name__ == "__main__":
    main()
