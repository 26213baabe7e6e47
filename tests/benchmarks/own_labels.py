"""What one's own labels buy: ``weir screen train --labels`` on half of a set, tried on the other.

    python -m tests.benchmarks.own_labels --data FOLDER [--halves N] [--cache FILE] [--json FILE]

Each labelled set is taken for a user's own and halved, copies on one side. On the other half it is
counted what share of the safe posts the certified threshold escalates, beside the share that the
half would need: that of the highest threshold which finds the certified recall in it. Nobody knows
that one beforehand. *floor* is what an exact promise costs however good the training is: the share
at the (k+1)-th lowest of as many violating posts as calibrated, drawn from the other half itself;
*enough* is how many violating posts bring that to 1.3 times what is needed. With ``--supported``
the threshold is put where the recall is and less is certified: *aimed* is what the half would need
at the recall that was aimed at, *needed* at the certified one.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tests.benchmarks.naive import naive_threshold
from weir.transforms.arrays import Floats
from weir.transforms.screen.certificate import misses_allowed
from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.encoder import Encoder, Vectors
from weir.transforms.screen.second_stage.screen import ReadingScreen
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet, public_sets
from weir.transforms.screen.training.readings import read_once
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train
from weir.transforms.text.normalise import normalise

RATIO = 1.3  # of what is escalated to what is needed, that is aimed at
_LEAST = 20  # violating posts in a half that say anything
_DRAWS = 500
_POSITIVES = (59, 80, 100, 150, 200, 300, 400, 600, 800, 1200, 2000)


@dataclass(frozen=True)
class Outcome:
    """One head of one half; shares of the safe posts of the other half, in [0, 1]."""

    labelled_set: str
    policy_id: str
    stage: str
    supported: bool
    recall_promised: float
    positives: int  # that calibrated
    test_positives: int
    recall: float  # on the other half
    escalated: float
    needed: float
    aimed: float
    floor: float
    enough: float  # violating posts; infinity where 2,000 are too few


class Remembering:
    """An encoder that reads no text twice."""

    def __init__(self, encoder: Encoder, texts: Sequence[str], cache: Path | None) -> None:
        self.version, self._encoder = encoder.version, encoder
        vectors, begins = read_once(texts, encoder, cache)
        self._known = dict(zip(texts, np.split(vectors, begins[1:]), strict=True))

    def embed_whole(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """Return what ``Encoder.embed_whole`` does."""
        found = [self._known[text] for text in texts]
        counts = np.array([len(each) for each in found], np.intp)
        return np.concatenate(found), np.cumsum(counts) - counts


def halved(labelled: LabelledSet, salt: int) -> tuple[LabelledSet, LabelledSet]:
    """Return two halves of a set, near-duplicates on one side."""
    policy_ids = sorted({policy_id for post in labelled.posts for policy_id in post.labels})
    corpus = Corpus.of([labelled], policy_ids, salt + 1)  # 0 draws the folds of a training
    texts: list[str] = corpus.texts.to_pylist()
    side = {text: draw < 0.5 for text, draw in zip(texts, corpus.draw, strict=True)}
    sides = [side[text] for text in _normalised(labelled.posts)]
    parts = [
        tuple(post for post, here in zip(labelled.posts, sides, strict=True) if here == which)
        for which in (True, False)
    ]
    return replace(labelled, posts=parts[0]), replace(labelled, posts=parts[1])


def _normalised(posts: Sequence[LabelledPost]) -> list[str]:
    texts: list[str] = normalise(pa.array([post.text for post in posts], pa.string())).to_pylist()
    return texts


def outcomes(
    learned: LabelledSet, other: LabelledSet, settings: TrainingSettings, encoder: Encoder | None
) -> Iterator[Outcome]:
    """Yield what each certified head of a half does on the other, by stage."""
    policy_ids = sorted({policy_id for post in learned.posts for policy_id in post.labels})
    trained = train([learned], policy_ids, settings, encoder)
    screens: list[tuple[str, Screen]] = [("first stage", trained.screen)]
    if trained.reader is not None and encoder is not None:
        both = ReadingScreen.over(trained.screen, trained.reader, encoder)
        screens.append(("both stages", both))
    texts = pa.array([post.text for post in other.posts], pa.string())
    for stage, screen in screens:
        scores = screen.score(texts)
        for column, policy_id in enumerate(screen.policy_ids):
            certificate = screen.certificate(policy_id)
            labels = np.array([post.labels.get(policy_id, np.nan) for post in other.posts], float)
            violating, safe = scores[labels == 1, column], scores[labels == 0, column]
            if certificate is None or not certificate.certified or len(violating) < _LEAST:
                continue
            promised = replace(settings, recall=certificate.recall)
            needed = _needed(violating, safe, certificate.recall)
            yield Outcome(
                learned.name,
                policy_id,
                stage,
                settings.supported,
                certificate.recall,
                certificate.positives,
                len(violating),
                float((violating >= certificate.threshold).mean()),
                float((safe >= certificate.threshold).mean()),
                needed,
                _needed(violating, safe, settings.recall),
                floor(violating, safe, certificate.positives, promised),
                enough(violating, safe, promised, needed),
            )


def _needed(violating: Floats, safe: Floats, recall: float) -> float:
    return float((safe >= naive_threshold(violating, recall)).mean())


def floor(violating: Floats, safe: Floats, positives: int, settings: TrainingSettings) -> float:
    """Return the mean share of safe posts at the order statistic that an exact promise takes."""
    k = misses_allowed(positives, settings.recall, settings.confidence)
    random = np.random.default_rng(0)
    draws = np.sort(random.choice(violating, (_DRAWS, positives)), axis=1)[:, k]
    return float((safe[None, :] >= draws[:, None]).mean())


def enough(violating: Floats, safe: Floats, settings: TrainingSettings, needed: float) -> float:
    """Return of how many violating posts an exact promise costs RATIO times what is needed."""
    costs = (
        (positives, floor(violating, safe, positives, settings))
        for positives in _POSITIVES
        if misses_allowed(positives, settings.recall, settings.confidence) >= 0
    )
    return next((positives for positives, cost in costs if cost <= RATIO * needed), float("inf"))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write every outcome as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--halves", type=int, default=5, help="ways to halve each set")
    parser.add_argument("--limit", type=int, default=3000, help="posts of a set, violating first")
    parser.add_argument("--set", action="append", dest="names", help="default: every set")
    parser.add_argument("--first", action="store_true", help="linear heads alone")
    parser.add_argument("--cache", type=Path, help="file that keeps what the encoder read")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    sets = [
        replace(each, posts=each.draw(options.limit), calibrates=True)
        for each in public_sets(options.data)
        if each.name in (options.names or [each.name])
    ]
    encoder = None
    if not options.first:
        texts = [text for each in sets for text in _normalised(each.posts)]
        encoder = Remembering(Encoder.load(), list(dict.fromkeys(texts)), options.cache)
    found: list = []
    for labelled in sets:
        for salt in range(options.halves):
            one, two = halved(labelled, salt)
            for supported in (False, True):
                settings = TrainingSettings(supported=supported)
                for learned, other in ((one, two), (two, one)):
                    try:
                        found += outcomes(learned, other, settings, encoder)  # type: ignore[arg-type]  # the caller has one by now
                    except ValueError as error:  # a set that teaches no head
                        print(f"{labelled.name}: {error}", file=sys.stderr)
    _print(found)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


def _print(found: Sequence[Outcome]) -> None:
    columns = f"{'from':>6}{'promise':>9}{'recall':>8}{'kept':>6}{'escalated':>11}{'needed':>8}"
    print(f"{'set':24}{'policy':16}{'stage':13}{columns}{'ratio':>7}{'floor':>7}{'enough':>8}"
          f"{'aimed':>7}{'ratio':>7}")  # fmt: skip
    keys = dict.fromkeys((o.supported, o.labelled_set, o.policy_id, o.stage) for o in found)
    for key in keys:
        own = [o for o in found if (o.supported, o.labelled_set, o.policy_id, o.stage) == key]
        _, name, policy_id, stage = key
        positives, promised, recall, escalated, needed, aimed, least = np.mean(
            [(o.positives, o.recall_promised, o.recall, o.escalated, o.needed, o.aimed, o.floor)
             for o in own], axis=0
        )  # fmt: skip
        kept = np.mean([o.recall >= o.recall_promised for o in own])
        labels = np.median([o.enough for o in own])
        figures = f"{escalated / needed:7.2f}{least / needed:7.2f}{labels:8.0f}"
        print(f"{name:24}{policy_id:16}{stage:13}{positives:6.0f}{promised:9.3f}{recall:8.3f}"
              f"{kept:6.0%}{escalated:11.1%}{needed:8.1%}{figures}"
              f"{aimed:7.1%}{escalated / aimed:7.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
