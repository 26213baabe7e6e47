"""How well the screen ranks, and whether its certificates hold: ``--data FOLDER`` has the sets.

``python -m tests.benchmarks.certificates --data FOLDER [--splits N] [--json FILE]`` measures

- average precision of each head and of any policy, out of fold as ``weir screen train`` has it;
- the same for any policy, cross-validated on OpenAI-2022 alone, with the two settings of the fit
  as they are and chosen anew inside every fold;
- how often a certified threshold keeps its promise. Out-of-fold scores are of twins, so the count
  behind a certificate is not exact for them. *observed* is in random splits of the sets: those
  whose recall on the posts left out is at or above the target. These are a finite sample, so a
  threshold whose recall is just the target is seen below it in half of the splits: *expected* is
  what it comes to where all posts are exchangeable (how many of m posts lie below the (k+1)-th of
  n is negative hypergeometric, whatever the scores). *simulated* draws posts whose recall is known
  exactly, vectors around a few centres, and fits the second stage's regression to them; the naive
  threshold beside it has the target on the scores themselves.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import nhypergeom, norm, rankdata

from tests.benchmarks.naive import naive_threshold
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.screen.certificate import certified_threshold, misses_allowed
from weir.transforms.screen.training.calibrate import lowest_of_clusters
from weir.transforms.screen.training.card import any_policy, average_precision
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.cross_fit import cross_fitted
from weir.transforms.screen.training.fit import (
    SMOOTHING,
    STRENGTH,
    WEAK_WEIGHT,
    fit_head,
    inverse_frequencies,
    scale_counts,
)
from weir.transforms.screen.training.labelled import (
    LabelledPost,
    LabelledSet,
    golden_examples,
    public_sets,
)
from weir.transforms.screen.training.reader_fit import fit_meaning
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train

RECALL = 0.95
TEST_SHARE = 0.4  # of the random splits: the more, the less the test posts' own chance matters
MOST_TRIES = 10  # of splits, for one with violating posts enough; their number decides, no score
GRID = tuple(product((3.0, 10.0), (3e-5, 1e-4, 3e-4)))
OPENAI = ("sexual-content", "hate", "violence", "harassment", "self-harm")
# Violating and safe posts, dimensions and centres of the violating posts: few posts beside many
# dimensions, and rare kinds that a fold may hardly show, are where twins differ most.
SIMULATED = (
    (80, 300, 50, 1),
    (80, 300, 384, 10),
    (120, 1000, 384, 1),
    (120, 1000, 384, 10),
    (300, 1500, 50, 10),
    (300, 1500, 384, 10),
)
_FOLDS = 10  # as a training of few posts has them
_APART = 6.0  # of the centres from the safe posts, in standard deviations
_COMMON = 0.55  # of the violating posts, around the first of several centres


@dataclass(frozen=True)
class Splits:
    """What the certified thresholds of one head did in splits that had positives enough."""

    head: str
    confidence: float
    splits: int
    positives: float  # clusters that calibrated, mean
    misses_allowed: float
    test_positives: float
    observed: int  # splits whose test recall is at or above the target
    expected: float  # share of splits in which exchangeable posts would be
    mean_recall: float
    mean_escalation: float  # of the test posts


@dataclass(frozen=True)
class Simulated:
    """How often thresholds keep the recall where it is known; shares in [0, 1]."""

    violating: int
    safe: int
    dimensions: int
    centres: int
    draws: int
    kept: float  # share of the draws whose certified threshold has the recall
    kept_naive: float
    mean_recall: float


def with_salt(corpus: Corpus, salt: int) -> Corpus:
    """Return the same posts with other draws, one a cluster."""
    random = np.random.default_rng(salt)
    return replace(corpus, draw=random.random(len(corpus.draw))[corpus.cluster])


def split(corpus: Corpus, salt: int) -> tuple[Corpus, np.ndarray]:
    """Return the posts with what is left out unlabelled, and which are left out."""
    drawn = with_salt(corpus, salt)
    test = drawn.draw >= 1 - TEST_SHARE
    labels = np.where(test[:, None], np.nan, drawn.labels)
    weak = drawn.weak & ~test[:, None]
    # A draw of its own for the folds: those of the posts that are left in would fill three of them.
    return replace(with_salt(corpus, salt + 1_000_000), labels=labels, weak=weak), test


def random_splits(corpus: Corpus, head: int, splits: int, confidence: float) -> Splits | None:
    """Fit, calibrate and measure one head, in as many random splits that can certify it.

    None where no split can.
    """
    rows: list[tuple[float, ...]] = []
    for salt in range(MOST_TRIES * splits):
        if len(rows) == splits:
            break
        learned, test = split(corpus, salt)
        violates = corpus.calibrates & (corpus.labels[:, head] == 1)
        fitted = cross_fitted(learned, [head], None)
        scores = fitted.first[:, 0]
        known = violates & ~test & ~np.isnan(scores)
        positives = lowest_of_clusters(scores, corpus, known)
        threshold = certified_threshold(positives, RECALL, confidence)
        if threshold is None:
            continue
        final = fitted.screen.score(corpus.texts)[:, 0]
        measured = final[test & violates]
        k, n, m = misses_allowed(len(positives), RECALL, confidence), len(positives), len(measured)
        rows.append(
            (
                *(n, k, m, expected_to_hold(n, k, m)),
                *((measured >= threshold).mean(), (final[test] >= threshold).mean()),
            )
        )
        print(f"{corpus.policy_ids[head]}: split {len(rows)} of {splits}", file=sys.stderr)
    if not rows:
        print(f"{corpus.policy_ids[head]}: too few posts for {confidence}", file=sys.stderr)
        return None
    means = (float(mean) for mean in np.mean(rows, axis=0))
    calibrating, misses, tested, expected, mean_recall, escalated = means
    observed = sum(bool(row[4] >= RECALL) for row in rows)
    return Splits(
        corpus.policy_ids[head],
        confidence,
        len(rows),
        positives=calibrating,
        misses_allowed=misses,
        test_positives=tested,
        observed=observed,
        expected=expected,
        mean_recall=mean_recall,
        mean_escalation=escalated,
    )


def expected_to_hold(calibration: int, order: int, test: int) -> float:
    """Return the chance that test recall meets the target at the order-th threshold."""
    below = nhypergeom(calibration + test, test, order + 1)
    return float(below.cdf(int((1 - RECALL) * test + 1e-9)))


def simulated(violating: int, safe: int, dimensions: int, centres: int, draws: int) -> Simulated:
    """Return how often a threshold of out-of-fold scores has the recall of the heads kept."""
    random = np.random.default_rng(0)
    shares = np.full(centres, (1 - _COMMON) / max(1, centres - 1))
    shares[0] = _COMMON if centres > 1 else 1.0
    violates = np.arange(violating + safe) < violating
    weights = np.ones(len(violates))
    k = misses_allowed(violating, RECALL, 0.95)
    found = []
    for _ in range(draws):
        middle = random.normal(size=(centres, dimensions))
        middle *= _APART / np.linalg.norm(middle, axis=1, keepdims=True)
        posts = random.normal(size=(len(violates), dimensions))
        posts[violates] += middle[random.choice(centres, violating, p=shares)]
        posts /= np.sqrt(dimensions)  # about unit vectors, as the encoder's are
        fold = random.permutation(len(violates)) % _FOLDS
        scores, vector = np.zeros(len(violates)), np.zeros(dimensions)
        for number in range(_FOLDS):
            held = fold == number
            of_twin, _ = fit_meaning(posts[~held], violates[~held], weights[~held])
            scores[held] = posts[held] @ of_twin
            vector += of_twin / _FOLDS
        ranked = np.sort(scores[violates])
        thresholds = np.array([ranked[k], naive_threshold(ranked, RECALL)])
        reached = (middle @ vector / np.sqrt(dimensions))[:, None] - thresholds
        deviations = reached / (np.linalg.norm(vector) / np.sqrt(dimensions))
        found.append(shares @ norm.cdf(deviations))
    certified, naive = np.array(found).T
    return Simulated(
        *(violating, safe, dimensions, centres, draws),
        kept=float((certified >= RECALL).mean()),
        kept_naive=float((naive >= RECALL).mean()),
        mean_recall=float(certified.mean()),
    )


def cross_scored(
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
    vectors, others = (scale_counts(corpus.counts[rows], inverse) for rows in (learned, held_out))
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
        scores = cross_scored(corpus, rows, fold, STRENGTH, SMOOTHING)
        found["as they are"].append(average_precision(truth, scores) or 0.0)
        nested = np.empty(len(truth))
        for number in range(folds):
            learned, held_out = rows[fold != number], rows[fold == number]
            best = max(
                GRID[:tried],
                key=lambda grid: (
                    average_precision(truth[learned], cross_scored(corpus, learned, inner, *grid))
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
    parser.add_argument("--draws", type=int, default=1000, help="of simulated posts")
    parser.add_argument("--simulations", type=int, default=len(SIMULATED), help="sizes of a draw")
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
        random_splits(corpus, head, options.splits, confidence)
        for corpus, head, confidence in (
            (alone, 0, 0.95),
            (alone, 0, 0.99),
            (every, 0, 0.95),
            (every, 1, 0.95),
        )
    ]
    splits = [each for each in measured_splits if each is not None]
    draws = [simulated(*setting, options.draws) for setting in SIMULATED[: options.simulations]]
    measured = {
        "card": card,
        "cross_validated": folds,
        "splits": [asdict(each) for each in splits],
        "simulated": [asdict(each) for each in draws],
    }
    options.json.write_text(json.dumps(measured, indent=2) + "\n")
    _print(card, folds, splits, draws)
    print(f"\nall of it is in {options.json}")


def _print(card, folds, splits, draws) -> None:
    print("average precision out of fold")
    for each in card["heads"]:
        found = each["first_stage"]["average_precision"] or 0
        posts = each["measured_posts"]
        print(f"  {each['policy_id']:16}{found:6.3f}  {each['measured_prevalence']:.1%} of {posts}")
    whole = card["any_policy"]
    print(f"  {'any policy':16}{whole['average_precision'] or 0:6.3f}"
          f"  {whole['violating']} of {whole['posts']}")  # fmt: skip
    print("\nany policy, cross-validated on OpenAI-2022 alone")
    for name, found in folds.items():
        print(f"  settings {name:12} {np.mean(found):.3f}  ({min(found):.3f} to {max(found):.3f})")
    print(f"\nrecall {RECALL}: share of the splits at or above it")
    print(f"{'head':16}{'confidence':>11}{'positives':>10}{'allowed':>9}{'test':>6}{'observed':>10}"
          f"{'expected':>10}{'recall':>8}{'gone':>7}")  # fmt: skip
    for each in splits:
        observed = f"{each.observed}/{each.splits}"
        print(f"{each.head:16}{each.confidence:11}{each.positives:10.0f}{each.misses_allowed:9.1f}"
              f"{each.test_positives:6.0f}{observed:>10}{each.expected:10.1%}"
              f"{each.mean_recall:8.3f}{each.mean_escalation:7.1%}")  # fmt: skip
    print("\nsimulated: share of the draws whose threshold has the recall")
    print(f"{'violating':>9}{'safe':>6}{'dimensions':>12}{'centres':>9}{'certified':>11}{'naive':>7}"
          f"{'recall':>8}")  # fmt: skip
    for each in draws:
        print(f"{each.violating:9}{each.safe:6}{each.dimensions:12}{each.centres:9}{each.kept:11.1%}"
              f"{each.kept_naive:7.1%}{each.mean_recall:8.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
