"""What the screen still catches when posts are disguised, and what it does to other languages.

``python -m tests.benchmarks.evasion --data FOLDER [--json FILE]`` trains a screen on the public
sets in the folder, rewrites the test posts by every function of ``tests.evasions``, and compares
recall at the screen's thresholds with that of the posts as they were; once with the normaliser and
once on text that only lost its case. Then sentences in six languages, with and without it. Nothing
is kept but the figures.
"""

import argparse
import json
import random
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from scipy.special import expit

from tests.benchmarks.labelled import test_texts
from tests.evasions import EVASIONS
from tests.languages import SENTENCES
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.arrays import Floats
from weir.transforms.screen.model import Screen
from weir.transforms.screen.training.labelled import LabelledPost, golden_examples, public_sets
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train
from weir.transforms.text import features
from weir.transforms.text.normalise import normalise

ENOUGH = 30  # positives in the test posts, for a head to have a column of its own
SEED = 7
_PIECE = 100

Answers = npt.NDArray[np.bool_]  # (posts, heads): escalated


@dataclass(frozen=True)
class Measured:
    """Shares in [0, 1]; recall over the positives of all heads, and of each big one."""

    recall: float
    recall_by_head: dict[str, float]
    false_escalations: float
    recall_if_not_undone: float
    false_escalations_if_not_undone: float


@dataclass(frozen=True)
class Language:
    """Shares in [0, 1]: of sentences that are changed, of sentences times heads that escalate."""

    sentences: int
    changed: float
    escalated: float
    escalated_if_not_normalised: float


def _only_folded(texts: Sequence[str]) -> list[str]:
    """Return the texts without upper case and needless spaces, as any filter has them."""
    return [" ".join(text.replace("\x00", " ").casefold().split()) for text in texts]


def _scores_as_written(screen: Screen, texts: Sequence[str]) -> Floats:
    """Return what the screen would score if the texts were normal already."""
    scores = []
    for start in range(0, len(texts), _PIECE):
        joined = "\x00" + "".join(f"{text}\x00" for text in texts[start : start + _PIECE])
        text = np.frombuffer(joined.encode(), np.uint8)
        ends = np.flatnonzero(text == 0)
        # The one entry that takes text as it is.
        piece = features._count(text, ends, slice(0, len(ends) - 1))
        scores.append(_linear(screen, piece.matrix()))
    return np.concatenate(scores)


def _linear(screen: Screen, counts: sp.csr_matrix) -> Floats:
    norm = np.sqrt(counts.multiply(counts) @ screen.scale.astype(np.float64))
    scores: Floats = expit(
        (counts @ screen.weights) / np.maximum(norm, 1e-6)[:, None] + screen.bias
    )
    return scores


def _escalated(screen: Screen, texts: Sequence[str]) -> Answers:
    answers: Answers = screen.score(pa.array(texts, pa.string())) >= screen.thresholds
    return answers


def evasions(screen: Screen, posts: Sequence[LabelledPost]) -> dict[str, Measured]:
    """Return what was measured on posts as they are ("none") and by evasion."""
    labels = [[post.labels.get(policy_id) for policy_id in screen.policy_ids] for post in posts]
    positive = np.array([[label is True for label in row] for row in labels])
    negative = np.array([[label is False for label in row] for row in labels])
    big = [head for head in range(len(screen.policy_ids)) if positive[:, head].sum() >= ENOUGH]
    measured = {}
    for name in ("none", *EVASIONS):
        rng = random.Random(SEED)
        texts = [EVASIONS[name](p.text, rng) if name in EVASIONS else p.text for p in posts]
        got = _escalated(screen, texts)
        raw = _scores_as_written(screen, _only_folded(texts)) >= screen.thresholds
        measured[name] = Measured(
            recall=float(got[positive].mean()),
            recall_by_head={
                screen.policy_ids[h]: float(got[positive[:, h], h].mean()) for h in big
            },
            false_escalations=float(got[negative].mean()),
            recall_if_not_undone=float(raw[positive].mean()),
            false_escalations_if_not_undone=float(raw[negative].mean()),
        )
    return measured


def languages(screen: Screen) -> dict[str, Language]:
    """Return what becomes of clean sentences, by language."""
    measured = {}
    for name, texts in SENTENCES.items():
        composed = [unicodedata.normalize("NFKC", text) for text in _only_folded(texts)]
        normal = normalise(pa.array(texts)).to_pylist()
        before = _scores_as_written(screen, composed) >= screen.thresholds
        measured[name] = Language(
            sentences=len(texts),
            changed=float(np.mean([a != b for a, b in zip(composed, normal, strict=True)])),
            escalated=float(_escalated(screen, texts).mean()),
            escalated_if_not_normalised=float(before.mean()),
        )
    return measured


def main(argv: Sequence[str] | None = None) -> None:
    """Train, measure, print two tables, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    policies = load_policies(LIBRARY)
    sets = public_sets(options.data)
    policy_ids = [policy.policy_id for policy in policies.policies]
    tested = test_texts(sets)
    posts: list = []
    learned = []
    for labelled in sets:
        of_set = normalise(pa.array([post.text for post in labelled.posts], pa.string()))
        kept = [text in tested for text in of_set.to_pylist()]
        posts += compress(labelled.posts, kept)
        rest = compress(labelled.posts, (not here for here in kept))
        learned.append(replace(labelled, posts=tuple(rest)))
    teaching = [*learned, golden_examples(policies)]
    screen = train(teaching, policy_ids, TrainingSettings()).screen
    by_evasion = evasions(screen, posts)
    by_language = languages(screen)
    _print(by_evasion, by_language)
    if options.json:
        result = {
            "evasions": {name: asdict(one) for name, one in by_evasion.items()},
            "languages": {name: asdict(one) for name, one in by_language.items()},
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def _print(by_evasion: dict[str, Measured], by_language: dict[str, Language]) -> None:
    plain = by_evasion["none"]
    heads = "".join(f"{head:>16}" for head in plain.recall_by_head)
    print(
        f"{'evasion':18}{'recall':>8}{'lost':>8}{'false':>7}{'not undone':>13}{'false':>7}{heads}"
    )
    for name, one in by_evasion.items():
        by_head = "".join(f"{recall:16.3f}" for recall in one.recall_by_head.values())
        print(
            f"{name:18}{one.recall:8.3f}{plain.recall - one.recall:8.3f}"
            f"{one.false_escalations:7.3f}{one.recall_if_not_undone:13.3f}"
            f"{one.false_escalations_if_not_undone:7.3f}{by_head}"
        )
    print(f"\n{'language':12}{'sentences':>10}{'changed':>9}{'escalated':>11}{'without':>9}")
    for name, language in by_language.items():
        print(
            f"{name:12}{language.sentences:10}{language.changed:9.2f}{language.escalated:11.3f}"
            f"{language.escalated_if_not_normalised:9.3f}"
        )


if __name__ == "__main__":
    main()
