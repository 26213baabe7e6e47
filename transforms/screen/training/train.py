"""Train a screen from labelled posts, as ``weir screen train`` does.

Equal posts give equal bytes, in whatever order they come. Needs scikit-learn (``weir[screen]``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.second_stage.scorer import READER_FILE, Reader
from weir.transforms.screen.selectivity import Selectivity
from weir.transforms.screen.training.calibrate import Calibrated, calibrated
from weir.transforms.screen.training.card import Stage, card
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.cross_fit import (
    CrossFitted,
    can_learn,
    cross_fitted,
    known,
)
from weir.transforms.screen.training.labelled import LabelledSet, LabelsError
from weir.transforms.screen.training.readings import Readings
from weir.transforms.screen.training.second_stage import Gates, Sum
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.text.languages import GROUPS


@dataclass(frozen=True, eq=False)
class Trained:
    """A screen, its card, and what a person should know of the labels, a sentence each.

    ``reader`` is the second stage, None where no encoder was there to read.
    """

    screen: Screen
    reader: Reader | None
    card: Mapping[str, Any]
    warnings: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write all of it into the folder ``path``; an older second stage there does not fit."""
        (path / READER_FILE).unlink(missing_ok=True)
        self.screen.save(path, self.card)
        if self.reader is not None:
            self.reader.save(path)


_WITHOUT = (
    "A run fits a cold one as it starts; with --cold-start off, or where its examples fit none, "
    "all of its posts go to the judge."
)


def train(
    sets: Sequence[LabelledSet],
    policy_ids: Sequence[str],
    settings: TrainingSettings,
    encoder: Encoder | None = None,
    cache: Path | None = None,
) -> Trained:
    """Return a screen with one head for every policy that the sets know enough of.

    With an encoder it has both stages, each with what is promised of its own scores: those of the
    first alone, and those of the two together. ``cache`` is a file that keeps what the encoder
    read. LabelsError where no policy has both violating and safe posts to learn from.
    """
    corpus = Corpus.of(sets, [p for p in policy_ids if _covered(sets, p)])
    everything = np.ones(len(corpus.texts), bool)
    able = [can_learn(corpus, head, everything) for head in range(len(corpus.policy_ids))]
    heads = [head for head, learns in enumerate(able) if learns]
    warnings = list(_label_warnings(sets, policy_ids, corpus))
    warnings.extend(_lacking(corpus, head) for head, learns in enumerate(able) if not learns)
    if not heads:
        given = {post.text for each in sets if each.calibrates for post in each.posts}
        raise LabelsError(
            f"No policy has both violating and safe posts to learn from ({len(given):,} distinct "
            "posts, policies' examples aside); label more of them."
        )
    readings = None if encoder is None else Readings.of(corpus, encoder, cache)
    fitted = cross_fitted(corpus, heads, readings)
    first = calibrated(fitted.first, corpus, heads, sets, settings)
    screen = Screen.of(
        fitted.screen.policy_ids,
        fitted.screen.weights,
        fitted.screen.scale,
        fitted.screen.bias,
        first.thresholds,
        first.certificates,
        first.provisional,
        [_languages(corpus, head) for head in heads],
    )
    stages = [Stage("first_stage", fitted.first, first)]
    reader = None
    if readings is not None and encoder is not None:
        reader, both = _second(corpus, heads, sets, settings, screen, fitted, readings, encoder)
        stages.append(both)
    warnings.extend(_imprecise(screen.policy_ids, stages[-1].calibrated, settings))
    told = card(screen, sets, corpus, heads, stages, settings.date)
    return Trained(screen, reader, told, tuple(warnings))


def _second(
    corpus: Corpus,
    heads: Sequence[int],
    sets: Sequence[LabelledSet],
    settings: TrainingSettings,
    screen: Screen,
    fitted: CrossFitted,
    readings: Readings,
    encoder: Encoder,
) -> tuple[Reader, Stage]:
    """Return the second stage of a screen, and what the two together do."""
    ordinary = np.column_stack([corpus.ordinary(head) for head in heads])
    gates = Gates.of(fitted.first, corpus, heads, ordinary, settings)
    added = Sum.of(fitted, readings, ordinary, gates.gates)
    reader = added.reader(screen, fitted, encoder.version)
    final = added.final(reader, fitted, readings)
    found = calibrated(final, corpus, heads, sets, settings, gates.spent)
    reader = reader.with_thresholds(found.thresholds, found.certificates, found.provisional)
    return reader, Stage("both_stages", final, found)


def _languages(corpus: Corpus, head: int) -> Selectivity:
    names = tuple(GROUPS[code] for code in corpus.languages_of(head))
    return Selectivity(corpus.policy_ids[head], names)


def _covered(sets: Sequence[LabelledSet], policy_id: str) -> bool:
    """Return whether traffic says anything of a policy; written examples alone fit no head."""
    return any(
        policy_id in post.labels or policy_id in post.weak
        for labelled in sets
        if labelled.calibrates
        for post in labelled.posts
    )


def _lacking(corpus: Corpus, head: int) -> str:
    violates = corpus.labels[:, head] == 1
    kinds = (("violating", violates), ("safe", known(corpus, head) & ~violates))
    missing = " and no ".join(kind for kind, there in kinds if not there.any())
    return (
        f"The policy {corpus.policy_ids[head]} has no {missing} posts to learn "
        f"from, so it gets no head. {_WITHOUT}"
    )


def _label_warnings(
    sets: Sequence[LabelledSet], policy_ids: Sequence[str], corpus: Corpus
) -> Iterator[str]:
    if without := [p for p in policy_ids if p not in corpus.policy_ids]:
        yield (
            f"{len(without)} {'policy has' if len(without) == 1 else 'policies have'} no labels "
            f"({', '.join(without)}): no head. {_WITHOUT}"
        )
    if unknown := sorted(
        {p for labelled in sets for post in labelled.posts for p in post.labels}.difference(
            policy_ids
        )
    ):
        yield f"{len(unknown)} labelled policies are not there ({', '.join(unknown)}): left out."
    if corpus.conflicts:
        yield (
            f"{corpus.conflicts:,} labels contradict another label of the same post; it counts "
            "as violating."
        )


def _imprecise(
    names: Sequence[str], found: Calibrated, settings: TrainingSettings
) -> Iterator[str]:
    precise = {each.policy_id for each in found.provisional}
    without = [name for name in names if name not in precise]
    if settings.precision is not None and without:
        yield (
            f"{len(without)} {'head has' if len(without) == 1 else 'heads have'} no threshold with "
            f"a precision of {settings.precision:g} ({', '.join(without)}): no provisional flags."
        )
