"""Streams with planted violations, and screens that they have taught nothing, to begin with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.model import Scored, Screen, score_all
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.second_stage.scorer import READER_FILE, Reader, first_stage_digest
from weir.transforms.screen.second_stage.screen import ReadingScreen
from weir.transforms.screen.training.labelled import LabelledSet
from weir.transforms.screen.training.readings import Readings
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train
from weir.transforms.text.normalise import normalise

PREVALENCE = 0.02
_TEACHING = 3000  # posts of a set


@dataclass(frozen=True, eq=False)
class Posts:
    """Some posts and what is true of them: ``violates`` is (posts, policies)."""

    texts: tuple[str, ...]
    violates: Mask
    rows: npt.NDArray[np.intp]  # (posts,), where each stands among those that it was drawn of

    def take(self, rows: npt.NDArray[np.intp]) -> "Posts":
        """Return some of them."""
        return Posts(tuple(self.texts[row] for row in rows), self.violates[rows], self.rows[rows])


@dataclass(frozen=True, eq=False)
class Known:
    """What the first stage and the encoder make of posts, so that no draw reads one again.

    Scores are those of ``score_all``, bit for bit, of any screen with this first stage.
    """

    first: Scored
    stage: str  # `first_stage_digest` of it
    readings: Readings | None

    @classmethod
    def of(cls, base: Screen, texts: Sequence[str]) -> "Known":
        """Return it for all posts that streams are drawn of."""
        if not isinstance(base, ReadingScreen):
            return cls(
                score_all([base], pa.array(texts, pa.string())), first_stage_digest(base), None
            )
        column = pa.array(texts, pa.string())
        readings = Readings.of_texts(normalise(column).to_pylist(), base.encoder)
        return cls(score_all([base.first()], column), first_stage_digest(base.first()), readings)

    def read(self, screen: Screen, posts: Posts) -> Scored:
        """Return what a screen makes of posts that were drawn."""
        first = self.first
        if isinstance(screen, ReadingScreen) and self.readings is not None:
            scores = self._final(screen, self.readings)
        elif first_stage_digest(screen) == self.stage:
            scores = first.scores[0]
        else:
            return score_all([screen], pa.array(posts.texts, pa.string()))
        rows = posts.rows
        return Scored([scores[rows]], first.empty[rows], first.languages[rows])

    def _final(self, screen: ReadingScreen, readings: Readings) -> Floats:
        if first_stage_digest(screen.first()) != self.stage:
            raise ValueError("the screen has another first stage")
        scores, reader = self.first.scores[0].copy(), screen.reader
        of_heads = scores[:, screen.columns]
        meanings = reader.meanings(readings.vectors, readings.begins)
        scores[:, screen.columns] = reader.finished(of_heads, meanings, readings.beyond)
        scores[self.first.empty] = 0.0
        return scores


def base_screen(
    sets: Sequence[LabelledSet], policy_ids: Sequence[str], encoder: Encoder | None, kept: Path
) -> Screen:
    """Return a screen fitted to the sets as the starter is, kept in a folder; one stage if none."""
    if not (kept / (READER_FILE if encoder else "screen.npz")).exists():
        few = [replace(each, own=False, posts=each.draw(_TEACHING)) for each in sets]
        train(few, policy_ids, TrainingSettings(), encoder).save(kept)
    if encoder is None:
        return Screen.load(kept)
    return ReadingScreen.over(Screen.load(kept), Reader.load(kept), encoder)


def all_posts(ordinary: LabelledSet, violating: LabelledSet, policy_ids: Sequence[str]) -> Posts:
    """Return what streams are drawn of: the violating posts of a set, then the ordinary ones."""
    bad = [post for post in violating.posts if any(post.labels.values())]
    texts = (*(post.text for post in bad), *(post.text for post in ordinary.posts))
    labels = np.zeros((len(texts), len(policy_ids)), bool)
    labels[: len(bad)] = [[bool(post.labels.get(p)) for p in policy_ids] for post in bad]
    return Posts(texts, labels, np.arange(len(texts)))


def draw_stream(posts: Posts, seed: int, most: int) -> Posts:
    """Return a stream in an order of its own, PREVALENCE of whose posts violate something."""
    random = np.random.default_rng(seed)
    violates = posts.violates.any(axis=1)
    bad, good = np.flatnonzero(violates), np.flatnonzero(~violates)
    count = min(most, len(good), round(len(bad) * (1 - PREVALENCE) / PREVALENCE))
    wrong = random.permutation(bad)[: round(count * PREVALENCE)]
    right = random.permutation(good)[: count - len(wrong)]
    return posts.take(random.permutation(np.concatenate([wrong, right])))
