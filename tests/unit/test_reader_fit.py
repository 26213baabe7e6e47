"""How the second stage is fitted: to labels, to ordinary posts, and to what was read before."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from tests.screen_posts import labelled, posts
from weir.transforms.screen import ScreenError, ScreenSource
from weir.transforms.screen.certificate import certified_threshold, misses_allowed
from weir.transforms.screen.second_stage.encoder import (
    DIMENSIONS,
    LAYERS,
    PART,
    Encoder,
    Vectors,
)
from weir.transforms.screen.second_stage.scorer import READER_FILE, Reader
from weir.transforms.screen.second_stage.screen import ReadingScreen, ReadingSource
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet
from weir.transforms.screen.training.reader_fit import fit_reading
from weir.transforms.screen.training.readings import Readings, read_once
from weir.transforms.screen.training.settings import TrainingSettings
from weir.transforms.screen.training.train import Trained, train


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
        return np.tile(self.embed(texts), LAYERS), np.arange(len(texts))


def sets(violating: int) -> list[LabelledSet]:
    ordinary = [LabelledPost(p.text, {}, frozenset({"bad"})) for p in posts(300, 0, seed=7)]
    return [
        labelled(*posts(violating + 150, violating)),
        labelled(*ordinary, name="street", calibrates=False),
    ]


def trained_on(violating: int, encoder: Meanings) -> Trained:
    return train(sets(violating), ["bad"], TrainingSettings(), cast(Encoder, encoder))


def over(trained: Trained) -> ReadingScreen:
    assert trained.reader is not None
    return ReadingScreen.over(trained.screen, trained.reader, cast(Encoder, Meanings()))


@pytest.fixture(scope="module")
def trained() -> Trained:
    return trained_on(250, Meanings())


@pytest.fixture(scope="module")
def both(trained: Trained) -> ReadingScreen:
    return over(trained)


def test_what_the_encoder_understands_is_found(both: ReadingScreen) -> None:
    reader = both.reader
    meanings = reader.meanings(*both.encoder.embed_whole(["atrocious", "harmless"]))
    scores = reader.combine(np.full((2, 1), 0.1), meanings)
    assert scores[0, 0] > scores[1, 0]


def test_each_stage_has_a_certificate_of_its_own_scores(
    trained: Trained, both: ReadingScreen
) -> None:
    (first,), (pair,) = trained.screen.certificates, both.certificates
    assert first.certified
    assert pair.certified
    assert first.threshold == trained.screen.thresholds[0]
    assert pair.threshold == both.thresholds[0] != first.threshold


def test_a_certificate_of_both_stages_is_stored_with_the_second(both: ReadingScreen) -> None:
    assert Reader.parse(both.reader.file).certificates == both.certificates


def test_the_promise_of_both_stages_holds_on_new_posts(both: ReadingScreen) -> None:
    fresh = pa.array([post.text for post in posts(400, 400, seed=8)])
    assert (both.score(fresh) >= both.thresholds).mean() >= 0.95


def test_both_stages_escalate_no_more_safe_posts_than_the_first_alone(trained: Trained) -> None:
    found = trained.card["heads"][0]
    assert found["both_stages"]["safe_escalated"] <= found["first_stage"]["safe_escalated"]


def test_where_a_promise_may_miss_few_every_post_is_read(both: ReadingScreen) -> None:
    assert both.certificates[0].misses_allowed < 20
    assert both.reader.gates[0] == 0


def test_a_gate_lets_every_calibrating_post_through_and_costs_one_miss() -> None:
    encoder, settings = cast(Encoder, Meanings()), TrainingSettings(recall=0.85)
    many = over(train(sets(250), ["bad"], settings, encoder))
    (pair,) = many.certificates
    assert many.reader.gates[0] > 0
    assert pair.misses_allowed >= 20
    known = np.array([0.9] * 10 + [0.2, 0.3])
    assert certified_threshold(known, 0.5, 0.5, spent=1) == 0.9
    order = misses_allowed(12, 0.5, 0.5)
    assert certified_threshold(np.arange(12) / 12, 0.5, 0.5, spent=1) == (order - 1) / 12


def test_the_card_of_a_run_with_both_stages_has_what_the_two_promise(
    trained: Trained, both: ReadingScreen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Encoder, "load", lambda: both.encoder)
    trained.save(tmp_path)
    promised = [
        json.loads(kind.of(tmp_path).card())["heads"][0]["certificate"]["threshold"]
        for kind in (ScreenSource, ReadingSource)
    ]
    assert promised == [trained.screen.thresholds[0], both.thresholds[0]]


def test_without_an_encoder_there_is_a_first_stage_alone() -> None:
    found = train(sets(70), ["bad"], TrainingSettings())
    assert found.reader is None
    assert "both_stages" not in found.card["heads"][0]


def test_training_without_an_encoder_leaves_no_older_second_stage_beside_it(
    trained: Trained, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    assert (tmp_path / READER_FILE).exists()
    replace(trained, reader=None).save(tmp_path)
    assert not (tmp_path / READER_FILE).exists()


@pytest.mark.parametrize("name", ["kept.npz", "kept"])
def test_a_post_that_is_kept_is_not_read_again(tmp_path: Path, name: str) -> None:
    cache = tmp_path / name
    read_once([], cast(Encoder, Meanings()), cache)
    first, second = Meanings(), Meanings()
    read_once(["one", "two"], cast(Encoder, first), cache)
    found, begins = read_once(["two", "three"], cast(Encoder, second), cache)
    assert second.read == ["three"]
    assert np.array_equal(found[:, :DIMENSIONS], Meanings().embed(["two", "three"]))
    assert begins.tolist() == [0, 1]


def test_what_was_read_is_kept_where_keeping_more_ends_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "kept.npz"
    read_once(["one"], cast(Encoder, Meanings()), cache)

    def ended(out, **_):
        out.write(b"half")
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", ended)
        with pytest.raises(OSError, match="disk is full"):
            read_once(["two"], cast(Encoder, Meanings()), cache)
    assert list(tmp_path.iterdir()) == [cache]
    again = Meanings()
    read_once(["one"], cast(Encoder, again), cache)
    assert again.read == []


def test_what_another_encoder_read_is_read_again(tmp_path: Path) -> None:
    cache = tmp_path / "kept.npz"
    read_once(["one"], cast(Encoder, Meanings("old")), cache)
    new = Meanings("new")
    read_once(["one"], cast(Encoder, new), cache)
    assert new.read == ["one"]


@pytest.mark.parametrize("content", [b"", b"text,bad\na post,1\n", b"PK\x03\x04 cut off", None])
def test_a_cache_that_is_another_file_is_refused_and_left_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "labels.csv"
    if content is None:
        with file.open("wb") as other:
            np.savez(other, numbers=np.arange(3))
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(ScreenError, match="does not hold what an encoder has read"):
        read_once(["one post"], cast(Encoder, Meanings()), file)
    assert file.read_bytes() == before


def directions(*meanings: int) -> Readings:
    """Return posts of one part each, which says so many of some first meanings."""
    vectors = np.zeros((len(meanings), PART), np.float32)
    for row, meaning in enumerate(meanings):
        vectors[row, [meaning, DIMENSIONS + meaning]] = 1
    begins = np.arange(len(meanings))
    return Readings(begins, vectors, begins, np.zeros(len(meanings), bool))


def test_suspected_posts_that_rank_highest_teach_as_violating_ones() -> None:
    known, safe, new, other = 0, 1, 2, 3
    readings = directions(*[known] * 20, *[safe] * 20, *[new] * 2, *[other] * 18)
    readings.vectors[40:42, known] = 1  # much like what violates, and something of its own
    used, violates = np.arange(40), np.arange(40) < 20
    nobody, suspected = np.arange(0), np.arange(40, 60)
    said = [fit_reading(readings, used, violates, np.ones(40), s) for s in (nobody, suspected)]
    plain, taught = (readings.highest(each[None])[:, 0] for each in said)
    new_alone = directions(new)
    before, after = (float(new_alone.highest(each[None])[0, 0]) for each in said)
    assert after > before
    assert np.argsort(-taught[40:], kind="stable")[0] in (0, 1)
    assert taught[42] == pytest.approx(plain[42], abs=0.2)


def test_what_no_head_knows_of_and_somebody_suspects_is_suspected() -> None:
    rumour = LabelledPost("one rumour", {"rude": True}, frozenset({"spam"}), {"hate": 0.05})
    plain = LabelledPost("nothing at all", {"rude": False})
    corpus = Corpus.of([labelled(rumour, plain)], ["rude", "spam", "hate", "violence"])
    row = corpus.texts.to_pylist().index("one rumour")
    assert [np.flatnonzero(corpus.suspected(head)).tolist() for head in range(4)] == [
        [],  # labelled
        [],  # presumed to be respected
        [row],
        [row],
    ]
