"""How the second stage is fitted: to labels, to ordinary posts, and to what was read before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from tests.screen_posts import labelled, posts
from weir.transforms.screen.reading.encoder import DIMENSIONS, Encoder, Vectors
from weir.transforms.screen.reading.screen import ReadingScreen
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet
from weir.transforms.screen.training.reader_fit import OPEN_SHARE, few, fit_reader, read_once
from weir.transforms.screen.training.train import TrainingSettings, train


@dataclass
class Meanings:
    """Stands for an Encoder that understands one more word than the linear heads were taught."""

    version: str = "meanings"
    read: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.read.extend(texts)
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            bad = "verybad" in text or "atrocious" in text
            vectors[row, 0] = 1 if bad else -sum(text.encode()) % 17 / 10
            vectors[row, 1] = 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_whole(self, texts: Sequence[str]) -> object:
        return self.embed(texts), np.arange(len(texts))


def sets() -> list[LabelledSet]:
    ordinary = [LabelledPost(p.text, {}, frozenset({"bad"})) for p in posts(400, 0, seed=7)]
    return [
        labelled(*posts(300, 120)),
        labelled(*ordinary, name="street", calibrates=False),
    ]


@pytest.fixture(scope="module")
def both() -> ReadingScreen:
    screen = train(sets(), ["bad"], TrainingSettings()).screen
    encoder = cast(Encoder, Meanings())
    return ReadingScreen.over(screen, fit_reader(screen, sets(), encoder), encoder)


def test_what_the_encoder_understands_is_found(both: ReadingScreen) -> None:
    reader = both.reader
    scores = reader.final_scores(
        np.full((2, 1), reader.gates[0]), pa.array(["atrocious", "harmless"]), both.encoder
    )
    assert scores[0, 0] > scores[1, 0]


def test_a_head_is_open_for_its_share_of_ordinary_posts(both: ReadingScreen) -> None:
    fresh = pa.array([post.text for post in posts(400, 0, seed=8)])
    escalated = (both.score(fresh) >= both.thresholds).mean()
    assert 0.3 * OPEN_SHARE < escalated < 3 * OPEN_SHARE


def test_of_a_large_set_few_posts_are_read_and_the_violating_ones_first() -> None:
    (drawn,) = few([labelled(*posts(4000, 10))])
    assert sum(post.labels["bad"] for post in drawn.posts) == 10
    assert len(drawn.posts) < 4000
    assert drawn.posts == few([labelled(*reversed(posts(4000, 10)))])[0].posts


def test_a_post_that_is_kept_is_not_read_again(tmp_path: Path) -> None:
    cache = tmp_path / "kept.npz"
    first, second = Meanings(), Meanings()
    read_once(["one", "two"], cast(Encoder, first), cache)
    found = read_once(["two", "three"], cast(Encoder, second), cache)
    assert second.read == ["three"]
    assert np.array_equal(found, Meanings().embed(["two", "three"]))


def test_what_another_encoder_read_is_read_again(tmp_path: Path) -> None:
    cache = tmp_path / "kept.npz"
    read_once(["one"], cast(Encoder, Meanings("old")), cache)
    new = Meanings("new")
    read_once(["one"], cast(Encoder, new), cache)
    assert new.read == ["one"]
