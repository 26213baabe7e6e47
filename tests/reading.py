"""A second stage without the sentence encoder: what a text means is whether it says a bad word."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import cast

import numpy as np
import numpy.typing as npt

from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.encoder import DIMENSIONS, PART, Encoder, Vectors
from weir.transforms.screen.second_stage.scorer import Reader, first_stage_digest
from weir.transforms.screen.selectivity import SHARES
from weir.transforms.text.features import BUCKETS

WINDOW = 40  # characters


@dataclass
class Words:
    """Stands for an Encoder: one axis says `bad`, another all else. Remembers what it read."""

    version: str = "words"
    read: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.read.extend(texts)
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            vectors[row, 0 if "bad" in text[:WINDOW] else 1] = 1
        return vectors

    def embed_whole(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.intp]]:
        windows = [[t[i : i + WINDOW] for i in range(0, max(1, len(t)), WINDOW)] for t in texts]
        counts = np.array([len(of_text) for of_text in windows], np.intp)
        last = self.embed([window for of_text in windows for window in of_text])
        return np.hstack([last, np.zeros_like(last)]), np.cumsum(counts) - counts


def encoder(version: str = "words") -> Encoder:
    """Return a stand-in for an encoder."""
    return cast(Encoder, Words(version))


def screen(*policy_ids: str) -> Screen:
    """Return linear heads that score every post .5."""
    heads = len(policy_ids)
    return Screen.of(
        policy_ids,
        np.zeros((BUCKETS, heads), np.float32),
        np.ones(BUCKETS, np.float32),
        np.zeros(heads),
        np.full(heads, 0.4),
    )


@cache
def reader(*policy_ids: str, gate: float = 0.5, version: str = "words") -> Reader:
    """Return heads that take `bad` for violating, and read from ``gate`` on."""
    heads = len(policy_ids)
    vectors = np.zeros((heads, PART), np.float32)
    vectors[:, 0], vectors[:, 1] = 4, -4
    return Reader.of(
        policy_ids,
        vectors,
        np.full(heads, 0.5),
        np.zeros(heads),
        np.full(heads, 2.0),
        np.full(heads, gate),
        np.full(heads, 0.9),
        np.full((heads, len(SHARES)), np.nan),
        first_stage_digest(screen(*policy_ids)),
        version,
    )
