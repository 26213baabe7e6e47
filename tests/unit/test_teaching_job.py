"""How a running job looks at the verdicts: beside it, every so often, and never in a worker."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.marking import mark
from weir.pipelines.errors import OptionError
from weir.pipelines.job.teaching import taught_on_schedule
from weir.pipelines.options.teaching import TeachingOptions
from weir.pipelines.settings.teaching import state_folder


def job(teaching, seconds: float) -> Any:
    return SimpleNamespace(
        teaching=teaching, said=SimpleNamespace(teaching=SimpleNamespace(seconds=seconds))
    )


def test_a_job_looks_again_and_again_in_a_process_of_its_own(tmp_path: Path) -> None:
    enough = threading.Event()
    with taught_on_schedule(job(tmp_path, 0.01), mark):
        while len(list(tmp_path.iterdir())) < 2:
            enough.wait(0.05)
    left = len(list(tmp_path.iterdir()))
    assert left >= 2
    assert not [each for each in threading.enumerate() if each.name == "weir-teaching"]


def test_a_job_that_is_not_taught_never_looks(tmp_path: Path) -> None:
    with taught_on_schedule(job(None, 0.01), mark):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [0.5, 20_000.0])
def test_looks_are_a_minute_to_a_week_apart(wrong: float) -> None:
    with pytest.raises(OptionError, match="--teach-every"):
        TeachingOptions(teach_every=wrong)


def test_teaching_is_on_and_can_be_turned_off() -> None:
    assert TeachingOptions().seconds == 3600
    assert TeachingOptions(teach_every="off").seconds == 0


def test_what_ships_with_weir_is_no_folder_for_it() -> None:
    with pytest.raises(OptionError, match="name a folder"):
        TeachingOptions(taught_screen="starter")


def test_each_dataset_and_run_has_a_folder_of_its_own() -> None:
    environment = {"XDG_STATE_HOME": "/state"}
    assert state_folder(environment, "p.weir", "live") == "/state/weir/screens/p.weir/live"
