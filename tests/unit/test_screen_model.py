"""The screen's artefact: what it scores, and how it refuses to load."""

import contextlib
import io
import os
import pickle
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.certificate import Certificate, to_bytes
from weir.transforms.screen.model import (
    CARD_FILE,
    MODEL_FILE,
    STARTER,
    Screen,
    ScreenSource,
    scores_of,
)
from weir.transforms.text.features import BUCKETS, matrix

CERTIFICATE = Certificate(
    policy_id="policy-1",
    certified=True,
    threshold=0.5,
    recall=0.95,
    confidence=0.95,
    positives=59,
    misses_allowed=0,
    positives_needed=59,
    labels_needed=0,
    calibration_set="posts",
    calibration_sha256="0" * 64,
    calibration_posts=600,
    escalation_rate=0.25,
    budget=None,
)
MILLIARDS = to_bytes([CERTIFICATE]).replace(b": 600", b": 1%s" % (b"0" * 300))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def screen(heads: int = 3) -> Screen:
    random = np.random.default_rng(7)
    weights = random.standard_normal((BUCKETS, heads)).astype(np.float32)
    scale = random.uniform(1, 9, BUCKETS).astype(np.float32)
    ids = tuple(f"policy-{head}" for head in range(heads))
    return Screen.of(ids, weights, scale, np.linspace(-1, 1, heads), np.full(heads, 0.5))


@pytest.fixture(scope="module")
def small() -> Screen:
    return screen()


@given(texts=st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=50)
def test_a_score_is_bit_equal_alone_and_in_any_batch(small: Screen, texts: list[str]) -> None:
    together = small.score(pa.array(texts, pa.string()))
    alone = [small.score(pa.array([text], pa.string()))[0] for text in texts]
    assert np.array_equal(together, np.array(alone))


def test_screens_score_together_as_each_does_alone(small: Screen) -> None:
    texts = pa.array(["win win a prize", "", "ｈｅｌｌｏ there", "word " * 30_000])
    screens = (small, screen(5))
    for found, each in zip(scores_of(screens, texts), screens, strict=True):
        assert np.array_equal(found, each.score(texts))


def test_scores_of_a_long_batch_are_bit_equal_one_by_one(small: Screen) -> None:
    texts = [("spam Spam ｓｐａｍ! " * (n % 23))[n % 7 :] for n in range(400)]
    alone = [small.score(pa.array([text]))[0] for text in texts]
    assert np.array_equal(small.score(pa.array(texts)), np.array(alone))


def test_a_score_is_the_logistic_of_the_normed_weighted_sum(small: Screen) -> None:
    counts = matrix(["some post"]).toarray()[0].astype(float)
    norm = np.sqrt((counts**2 * small.scale).sum())
    expected = 1 / (1 + np.exp(-(counts @ small.weights.astype(float) / norm + small.bias)))
    assert small.score(pa.array(["some post"]))[0] == pytest.approx(expected, rel=1e-5)


def test_an_empty_text_has_nothing_to_score(small: Screen) -> None:
    assert small.score(pa.array([""]))[0].tolist() == [0, 0, 0]


def test_no_texts_have_no_scores(small: Screen) -> None:
    assert small.score(pa.array([], pa.string())).shape == (0, 3)


def test_a_saved_screen_loads_as_it_was(small: Screen, tmp_path: Path) -> None:
    small.save(tmp_path, {"note": "for a person"})
    loaded = Screen.load(tmp_path)
    texts = pa.array(["one", "two"])
    assert (loaded.version, loaded.policy_ids) == (small.version, small.policy_ids)
    assert np.array_equal(loaded.score(texts), small.score(texts))


def test_equal_screens_have_equal_bytes() -> None:
    assert screen().file == screen().file


def test_another_threshold_is_another_version(small: Screen) -> None:
    assert small.with_thresholds(np.full(3, 0.4)).version != small.version


def test_a_certificate_is_stored_with_its_head(small: Screen) -> None:
    screen = small.with_thresholds(small.thresholds, [CERTIFICATE])
    loaded = Screen.parse(screen.file)
    assert loaded.certificate("policy-1") == CERTIFICATE
    assert loaded.certificate("policy-0") is None
    assert loaded.version != small.version


def test_other_thresholds_have_no_certificates(small: Screen) -> None:
    screen = small.with_thresholds(small.thresholds, [CERTIFICATE])
    assert screen.with_thresholds(small.thresholds).certificates == ()


def test_heads_of_policies_that_are_gone_are_named_and_counted(small: Screen) -> None:
    assert small.gone_heads(["policy-0", "policy-1", "policy-2", "other"]) is None
    sentence = small.gone_heads(["policy-1"])
    assert sentence == (
        "2 of the screen's heads are for policies that are not there (policy-0, policy-2); "
        "they are ignored."
    )


def test_a_step_carries_where_a_screen_is_and_each_process_loads_it_once(
    small: Screen, tmp_path: Path
) -> None:
    small.save(tmp_path, {})
    pickled = pickle.dumps(ScreenSource.of(tmp_path))
    assert len(pickled) < 1000
    assert pickle.loads(pickled).screen() is pickle.loads(pickled).screen()
    assert pickle.loads(pickled).screen().version == small.version


def test_a_screen_that_changed_since_the_run_began_is_refused(
    small: Screen, tmp_path: Path
) -> None:
    small.save(tmp_path, {})
    source = ScreenSource.of(tmp_path)
    small.with_thresholds(np.full(3, 0.4)).save(tmp_path, {})
    with pytest.raises(ScreenError, match="put that one back"):
        source.screen()


def test_a_screen_without_a_card_has_an_empty_one(small: Screen, tmp_path: Path) -> None:
    small.save(tmp_path, {"trained": "today"})
    assert "today" in ScreenSource.of(tmp_path).card()
    (tmp_path / CARD_FILE).unlink()
    assert ScreenSource.of(tmp_path).card() == "{}"


def test_the_starter_screen_loads_and_tells_a_threat_from_a_greeting() -> None:
    starter = Screen.load(STARTER)
    scores = starter.score(pa.array(["I will kill you tonight", "good morning, nice weather"]))
    violence = starter.policy_ids.index("violence")
    assert scores[0, violence] > 2 * scores[1, violence]
    assert scores[0, violence] >= starter.thresholds[violence]


def test_a_missing_screen_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match="weir screen train"):
        Screen.load(tmp_path)


@pytest.mark.parametrize("kept", [0, 10, 1000, -100])
def test_a_truncated_screen_is_refused(small: Screen, tmp_path: Path, kept: int) -> None:
    (tmp_path / MODEL_FILE).write_bytes(small.file[:kept])
    with pytest.raises(ScreenError, match="damaged"):
        Screen.load(tmp_path)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=30, deadline=None)
def test_a_flipped_bit_is_refused_or_harmless(small: Screen, at: int, bit: int) -> None:
    damaged = bytearray(small.file)
    damaged[at * len(damaged) // 10_001] ^= 1 << bit
    with contextlib.suppress(ScreenError):
        Screen.parse(bytes(damaged))


def rewritten(small: Screen, **arrays: object) -> bytes:
    with np.load(io.BytesIO(small.file)) as stored:
        content = dict(stored) | arrays
    out = io.BytesIO()
    np.savez(out, **content)
    return out.getvalue()


def stored(*certificates: Certificate, **changes: Any) -> np.ndarray:
    chosen = certificates or (replace(CERTIFICATE, **changes),)
    return np.frombuffer(to_bytes(chosen), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"format": np.array(99)}, "format 99"),
        ({"features": np.array(99)}, "features 99"),
        ({"bias": np.array([0, np.nan, 0])}, "not finite"),
        ({"thresholds": np.array([0.1, 0.2])}, "shapes"),
        ({"thresholds": np.array([0.1, 0.2, 1.5])}, "outside"),
        ({"policy_ids": np.array(["a", "b", "a"])}, "twice"),
        ({"policy_ids": np.array(["a", "b", None], dtype=object)}, "damaged"),
        ({"weights": np.array(["x"])}, "shapes"),
        ({"weights": np.zeros((3, BUCKETS), np.complex64)}, "shapes"),
        ({"policy_ids": np.array([["a"], ["b"], ["c"]])}, "shapes"),
        ({"policy_ids": np.array(["a", "b", "\ud800"])}, "no policy's id"),
        ({"policy_ids": np.array(["a", "b", "c" * 65])}, "no policy's id"),
        ({"format": np.array(np.inf)}, "damaged"),
        ({"bias": np.array([0, -1e308, 0])}, "a bias beyond 30"),
        ({"certificates": np.zeros(2 << 20, np.uint8)}, "too much in its certificates"),
        ({"certificates": np.frombuffer(MILLIARDS, np.uint8)}, "damaged"),
        ({"weights": np.full((3, BUCKETS), np.nan, np.float16)}, "not finite"),
        ({"certificates": np.frombuffer(b"[1]", np.uint8)}, "damaged"),
        ({"certificates": np.frombuffer(b"\xff", np.uint8)}, "damaged"),
        ({"certificates": stored(policy_id="policy-9")}, "another head"),
        ({"certificates": stored(threshold=0.4)}, "another head or threshold"),
        ({"certificates": stored(CERTIFICATE, CERTIFICATE)}, "another head"),
    ],
)
def test_an_unsound_screen_is_refused_in_one_sentence(
    small: Screen, arrays: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ScreenError, match=complaint) as refusal:
        Screen.parse(rewritten(small, **arrays))
    assert "\n" not in str(refusal.value)


def test_a_head_that_lets_no_post_through_keeps_no_certificate(small: Screen) -> None:
    dead = {"weights": np.zeros((3, BUCKETS), np.float16), "bias": np.array([0, -20.0, 0])}
    with pytest.raises(ScreenError, match=r"lets no post through \(policy-1\)"):
        Screen.parse(rewritten(small, **dead, certificates=stored()))


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(
    small: Screen,
) -> None:
    out = io.BytesIO(small.file)
    with (
        zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("more.npy", "w") as entry,
    ):
        for _ in range(160):
            entry.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(ScreenError, match="unpacks to more than"):
        Screen.parse(out.getvalue())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(out.getvalue()) + (1 << 20)


def test_a_way_of_packing_that_takes_the_memory_it_asks_for_is_refused(small: Screen) -> None:
    out = io.BytesIO(small.file)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("more.npy", b"")
    with pytest.raises(ScreenError, match="packed as no screen is"):
        Screen.parse(out.getvalue())


def test_a_pipe_in_a_screens_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / MODEL_FILE)
    with pytest.raises(ScreenError, match="it is no regular file"):
        Screen.load(tmp_path)


def test_a_zip_without_the_arrays_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / MODEL_FILE, "w") as archive:
        archive.writestr("other.npy", b"")
    with pytest.raises(ScreenError, match="damaged"):
        Screen.load(tmp_path)
