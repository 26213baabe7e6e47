"""What the screen still catches when posts are disguised, and what it does to other languages.

``python -m tests.benchmarks.evasion --data FOLDER [--json FILE]`` trains a screen on the public
sets in the folder, rewrites the test posts by every function of ``tests.evasions``, and compares
recall at the screen's thresholds with that of the posts as they were; once with the normaliser and
once on text that only lost its case. Then sentences in six languages, with and without it. Last the
starter: of violating posts that a stage finds as they are, where each head is open for a tenth of
ordinary streams, how many it finds in every disguise; it has learned from these posts. Nothing is
kept but the figures.
"""

import argparse
import json
import random
import unicodedata
from collections.abc import Mapping, Sequence
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
from weir.transforms.screen.model import STARTER, Screen
from weir.transforms.screen.second_stage.screen import ReadingSource, encoder_missing
from weir.transforms.screen.training.labelled import (
    LabelledPost,
    LabelledSet,
    golden_examples,
    ordinary_streams,
    public_sets,
)
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train
from weir.transforms.text import features
from weir.transforms.text.normalise import normalise

SHARE = 0.1  # of ordinary posts, for which each head of the starter is open
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


@dataclass(frozen=True)
class Disguised:
    """Violating posts of all policies, the same ones for each stage."""

    violating: int
    found: dict[str, int]  # by stage
    lost: dict[str, int]  # by stage: found as they were, and not in the disguise


def by_stage(
    stages: Mapping[str, Screen], posts: Sequence[LabelledPost], ordinary: Sequence[str]
) -> dict[str, Disguised]:
    """Return what each stage finds of violating posts as they are ("none") and by disguise."""
    names = next(iter(stages.values())).policy_ids
    positive = np.array([[post.labels.get(name) is True for name in names] for post in posts])
    stream = pa.array(ordinary, pa.string())
    thresholds = {
        stage: np.quantile(screen.score(stream), 1 - SHARE, axis=0)
        for stage, screen in stages.items()
    }
    plain: dict[str, Answers] = {}
    measured = {}
    for name in ("none", *EVASIONS):
        rng = random.Random(SEED)
        texts = [EVASIONS[name](p.text, rng) if name in EVASIONS else p.text for p in posts]
        column = pa.array(texts, pa.string())
        found = {
            stage: (screen.score(column) >= thresholds[stage])[positive]
            for stage, screen in stages.items()
        }
        plain = plain or found
        measured[name] = Disguised(
            int(positive.sum()),
            {stage: int(each.sum()) for stage, each in found.items()},
            {stage: int((plain[stage] & ~each).sum()) for stage, each in found.items()},
        )
    return measured


def violating(sets: Sequence[LabelledSet], limit: int) -> list[LabelledPost]:
    """Return at most so many violating posts of each set and policy, drawn by their text."""
    chosen: dict[str, LabelledPost] = {}
    for each in sets:
        for policy_id in sorted({name for post in each.posts for name in post.labels}):
            own = tuple(post for post in each.posts if post.labels.get(policy_id))
            chosen |= {post.text: post for post in replace(each, posts=own).draw(limit)}
    return list(chosen.values())


def main(argv: Sequence[str] | None = None) -> None:
    """Train, measure, print two tables, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--limit", type=int, default=40, help="violating posts of a set and policy")
    parser.add_argument("--ordinary", type=int, default=500, help="posts of a stream")
    parser.add_argument("--starter", action="store_true", help="the last table alone")
    options = parser.parse_args(argv)
    policies = load_policies(LIBRARY)
    sets, examples = public_sets(options.data), golden_examples(policies)
    policy_ids = [policy.policy_id for policy in policies.policies]
    result: dict = {} if options.starter else trained(sets, examples, policy_ids)
    streams = ordinary_streams(options.data, policy_ids)
    ordinary = [post.text for each in streams for post in each.draw(options.ordinary)]
    disguised = by_stage(stages(), violating([*sets, examples], options.limit), ordinary)
    _print_stages(disguised)
    result["starter"] = {name: asdict(one) for name, one in disguised.items()}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def trained(sets: Sequence[LabelledSet], examples: LabelledSet, policy_ids: Sequence[str]) -> dict:
    """Train a screen on most posts of the sets, measure it on the others, and print that."""
    tested = test_texts(list(sets))
    posts: list = []
    learned = []
    for labelled in sets:
        of_set = normalise(pa.array([post.text for post in labelled.posts], pa.string()))
        kept = [text in tested for text in of_set.to_pylist()]
        posts += compress(labelled.posts, kept)
        rest = compress(labelled.posts, (not here for here in kept))
        learned.append(replace(labelled, posts=tuple(rest)))
    screen = train([*learned, examples], policy_ids, TrainingSettings()).screen
    by_evasion, by_language = evasions(screen, posts), languages(screen)
    _print(by_evasion, by_language)
    return {
        "evasions": {name: asdict(one) for name, one in by_evasion.items()},
        "languages": {name: asdict(one) for name, one in by_language.items()},
    }


def stages() -> dict[str, Screen]:
    """Return the starter's first stage, and both where the encoder is there."""
    first = {"first stage": Screen.load(STARTER)}
    return (
        first if encoder_missing() else first | {"both stages": ReadingSource.of(STARTER).screen()}
    )


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


def _print_stages(disguised: dict[str, Disguised]) -> None:
    plain = disguised["none"]
    columns = "".join(f"{stage:>14}{'lost':>6}" for stage in plain.found)
    print(f"\nthe starter, of {plain.violating} violating pairs\n{'disguise':18}{columns}")
    for name, one in disguised.items():
        cells = "".join(f"{one.found[stage]:14}{one.lost[stage]:6}" for stage in one.found)
        print(f"{name:18}{cells}")


if __name__ == "__main__":
    main()
