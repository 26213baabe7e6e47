"""A policy on selling cheats, posts of a stream about gardens, and an encoder that knows both."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.encoder import DIMENSIONS
from weir.transforms.text.features import BUCKETS

VIOLATING = tuple(
    f"selling {what}, undetected in ranked, message me {n}"
    for n, what in enumerate(["aimbot", "wallhack", "cheats", "a bot", "macros"] * 4)
)
SAFE = tuple(f"reported somebody with {what} today {n}" for n, what in enumerate(["a bot"] * 20))


def stream(posts: int = 1000, every: int = 20, seed: int = 0) -> list[str]:
    """Return ordinary posts; one of ``every`` violates."""
    random = np.random.default_rng(seed)
    plants = ["tomatoes", "roses", "beans", "peas", "figs", "leeks"]
    return [
        f"i am selling an aimbot, undetected, ask {random.integers(1000)}"
        if n % every == 0
        else f"the {random.choice(plants)} in row {random.integers(1000)} need water"
        for n in range(posts)
    ]


def base() -> Screen:
    """Return a screen with one head, quick to fold into."""
    weights, scale = np.zeros((BUCKETS, 1), np.float32), Screen.load("starter").scale
    return Screen.of(("other",), weights, scale, np.zeros(1), np.ones(1))


@dataclass(frozen=True)
class KeywordEncoder:
    """Stands for the sentence encoder: a direction for selling, and noise that the text decides."""

    version: str = "keywords"

    def embed(self, texts) -> np.ndarray:
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            vectors[row, 0] = "selling" in text
            vectors[row, 1 + len(text) % 300] = 0.3
        return vectors


def keyword_encoder() -> Any:
    """Return one, in an encoder's place."""
    return KeywordEncoder()
