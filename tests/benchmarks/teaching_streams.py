"""Streams with planted violations, and screens that they have taught nothing, to begin with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Mask
from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.second_stage.scorer import READER_FILE, Reader
from weir.transforms.screen.second_stage.screen import ReadingScreen
from weir.transforms.screen.training.labelled import LabelledSet
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import train

PREVALENCE = 0.02
_TEACHING = 3000  # posts of a set


@dataclass(frozen=True, eq=False)
class Posts:
    """Some posts and what is true of them: ``violates`` is (posts, policies)."""

    texts: tuple[str, ...]
    violates: Mask

    def take(self, rows: npt.NDArray[np.intp]) -> "Posts":
        """Return some of them."""
        return Posts(tuple(self.texts[row] for row in rows), self.violates[rows])


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


def stream_of(
    ordinary: LabelledSet, violating: LabelledSet, policy_ids: Sequence[str], seed: int, most: int
) -> Posts:
    """Return a stream in an order of its own, PREVALENCE of whose posts violate something."""
    random = np.random.default_rng(seed)
    bad = [post for post in violating.posts if any(post.labels.values())]
    good = [post.text for post in ordinary.posts]
    count = min(most, len(good), round(len(bad) * (1 - PREVALENCE) / PREVALENCE))
    wrong = [bad[n] for n in random.permutation(len(bad))[: round(count * PREVALENCE)]]
    right = [good[n] for n in random.permutation(len(good))[: count - len(wrong)]]
    labels = np.zeros((count, len(policy_ids)), bool)
    labels[: len(wrong)] = [[bool(post.labels.get(p)) for p in policy_ids] for post in wrong]
    posts = Posts((*(post.text for post in wrong), *right), labels)
    return posts.take(random.permutation(count))
