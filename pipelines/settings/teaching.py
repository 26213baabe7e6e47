"""What teaches the screen of a run, from its options: for a job, and for `weir screen teach`."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import JobOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.decoding import decode_settings
from weir.pipelines.settings.kafka import kafka_settings
from weir.pipelines.settings.moderation import ModerationSettings
from weir.pipelines.settings.screens import screen_source
from weir.pipelines.settings.taught_screen import Teaching, require_taught, untaught
from weir.policies.storage import is_remote
from weir.transforms.screen import ScreenError, ScreenSource
from weir.transforms.screen.second_stage.screen import ReadingSource
from weir.transforms.screen.teaching.folder import TaughtFolder


def with_teaching(settings: ModerationSettings) -> ModerationSettings:
    """Return the settings of a job with what teaches its screen, where something does.

    OptionError where a folder is named for it and it cannot be.
    """
    said = settings.said.teaching
    require_taught(settings.said)
    folder = said.taught_screen or _default(settings)
    taught = not untaught(settings.said)
    if not taught or folder is None or not said.seconds:
        return settings
    return replace(settings, teaching=_teaching(settings.said, folder, settings.screen))


def teaching_of(said: JobOptions) -> Teaching:
    """Return what one look at the verdicts of a run needs; OptionError.

    It asks no server and starts no runner.
    """
    folder = said.teaching.taught_screen
    if folder is None:
        raise OptionError("--taught-screen is missing: the folder that the run reads")
    if not said.source.topics:
        raise OptionError("--topics is missing: those that the run moderates")
    try:
        screen = screen_source(said.deciding.screen, said.reading)
    except ScreenError as error:
        raise OptionError(str(error)) from error
    return _teaching(said, folder, screen)


def _teaching(said: JobOptions, folder: str, base: ScreenSource) -> Teaching:
    path = folder if is_remote(folder) else str(Path(folder).absolute())
    return Teaching(
        folder=TaughtFolder(path, isinstance(base, ReadingSource)),
        base=base,
        run=said.deciding.run,
        policies=said.deciding.policies,
        kafka=kafka_settings(said.kafka),
        topics=said.source.topics,
        decode=decode_settings(said.decoding, said.storing.author_field, said.registry),
        bigquery=bigquery_settings(said.bigquery),
        every_policy=said.cold.cold_start != "off",
    )


def _default(settings: ModerationSettings) -> str | None:
    """Return where the screens of a run on this machine are, where it keeps any.

    What an emulator holds is gone with it, and so is what could be learned of it.
    """
    bigquery = settings.bigquery
    if not settings.place.one_process or bigquery.rest_endpoint:
        return None
    return state_folder(os.environ, bigquery.full_name, settings.run)


def state_folder(environment: Mapping[str, str], dataset: str, run: str) -> str:
    """Return a folder for each dataset and run among what this user's programs keep."""
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(state) / "weir" / "screens" / dataset / run)
