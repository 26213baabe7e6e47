"""The sentence encoder, where ``make encoder`` has installed it."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.second_stage.encoder import (
    DIMENSIONS,
    MODULES,
    PACKAGE,
    TOKENS,
    Dense,
    Encoder,
)

TEXTS = [
    "I despise those people",
    "I hate them",
    "The weather is nice",
    "",
    "ok " * 500,
    "日本語😀",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    for module in MODULES:
        pytest.importorskip(module, reason="needs `make encoder`")
    return Encoder.load()


def test_close_meanings_are_closer_than_others(encoder: Encoder) -> None:
    despise, hate, weather = encoder.embed(TEXTS[:3])
    assert despise @ hate > 0.5 > despise @ weather


def test_vectors_have_length_one(encoder: Encoder) -> None:
    assert np.linalg.norm(encoder.embed(TEXTS), axis=1) == pytest.approx(1, abs=1e-5)


def test_a_vector_is_bit_equal_alone_and_in_any_batch(encoder: Encoder) -> None:
    alone = np.concatenate([encoder.embed([text]) for text in TEXTS])
    assert np.array_equal(encoder.embed(TEXTS), alone)


def test_the_parts_of_a_post_are_bit_equal_alone_and_in_any_batch(encoder: Encoder) -> None:
    alone = np.concatenate([encoder.embed_whole([text])[0] for text in TEXTS])
    assert np.array_equal(encoder.embed_whole(TEXTS)[0], alone)


def test_the_first_part_of_a_post_is_what_it_means_as_a_whole(encoder: Encoder) -> None:
    parts, begins = encoder.embed_whole(TEXTS)
    assert np.array_equal(parts[begins, :DIMENSIONS], encoder.embed(TEXTS))


def test_a_sentence_among_others_is_read_by_itself_too(encoder: Encoder) -> None:
    hate, nothing = "I hate those people and want them gone", "We had rain all day and stayed in. "
    parts, _ = encoder.embed_whole([nothing * 5 + hate + ". " + nothing * 3])
    near = parts[:, :DIMENSIONS] @ encoder.embed([hate])[0]
    assert near[1:].max() > near[0] + 0.2


def test_no_texts_have_no_parts(encoder: Encoder) -> None:
    parts, begins = encoder.embed_whole([])
    assert len(parts) == len(begins) == 0


def test_a_post_cannot_spell_the_marks_around_a_text(encoder: Encoder) -> None:
    ids = encoder.tokens("[CLS] and [SEP] and [PAD] and [MASK]")
    assert {encoder.first, encoder.last} & set(ids[1:-1]) == set()


def test_a_long_post_is_read_to_a_fixed_number_of_tokens(encoder: Encoder) -> None:
    assert len(encoder.tokens("x " * 500_000)) == TOKENS


def test_lone_surrogates_and_control_characters_are_read(encoder: Encoder) -> None:
    assert np.isfinite(encoder.embed(["\ud800", "\x00\x01", "a\u0300" * 5000])).all()


def test_a_product_in_small_integers_is_close_to_the_exact_one(encoder: Encoder) -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(8, 384)).astype(np.float32)
    x = random.normal(size=(3, 384)).astype(np.float32)
    bias = np.arange(8, dtype=np.float32)
    assert Dense.of(weights, bias)(x) == pytest.approx(x @ weights.T + bias, abs=1)


def test_what_is_in_a_row_changes_no_other(encoder: Encoder) -> None:
    weights, bias = np.eye(2, 64, dtype=np.float32), np.zeros(2, np.float32)
    small, huge, nothing = np.ones(64), np.full(64, 1e30), np.zeros(64)
    rows = np.array([small, huge, nothing], np.float32)
    assert Dense.of(weights, bias)(rows)[[0, 2]] == pytest.approx(np.array([[1, 1], [0, 0]]))


def test_what_was_fitted_to_another_arithmetic_is_not_read_with_this_one(encoder: Encoder) -> None:
    found = find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "model"
    files = [(folder / name).read_bytes() for name in ("model.safetensors", "vocab.txt")]
    assert encoder.version != hashlib.sha256(b"".join(files)).hexdigest()[:16]


def test_a_folder_without_the_model_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match=r"sentence encoder .*--force-reinstall"):
        Encoder.load(tmp_path)


@pytest.mark.parametrize("damage", ["short", "other", "words"])
def test_a_damaged_model_is_refused_with_the_way_out(
    encoder: Encoder, tmp_path: Path, damage: str
) -> None:
    found = find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    installed = Path(found.origin).parent / "model"
    weights = (installed / "model.safetensors").read_bytes()
    words = (installed / "vocab.txt").read_bytes()
    tensors = {"short": weights[:-1000], "other": b"no tensors", "words": weights}
    (tmp_path / "model.safetensors").write_bytes(tensors[damage])
    (tmp_path / "vocab.txt").write_bytes(b"one\ntwo" if damage == "words" else words)
    with pytest.raises(ScreenError, match=r"sentence encoder .*--force-reinstall"):
        Encoder.load(tmp_path)
