"""The screen, with its second stage where there is one, and what is lost without it."""

import logging
from functools import cache

from weir.distribution import install_encoder_command
from weir.pipelines.errors import OptionError
from weir.pipelines.options.screening import ReadingOptions
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.second_stage.screen import ReadingSource, encoder_missing, has_reader

_LOG = logging.getLogger(__name__)


def screen_source(path: str, said: ReadingOptions) -> ScreenSource:
    """Return where workers find a screen, with its second stage where that is to read.

    ScreenError where the screen is unsound, OptionError where --reading asks for what is not there.
    """
    if said.reading == "off":
        return ScreenSource.of(path)
    if why := _without(path):
        if said.reading == "on":
            raise OptionError(f"--reading=on is not possible: {why}")
        if has_reader(path):
            _warn(why)
        return ScreenSource.of(path)
    return ReadingSource.of(path)


def encoder_for(said: ReadingOptions) -> Encoder | None:
    """Return the encoder that a second stage is fitted with; None where there is to be none.

    OptionError where --reading asks for what is not installed; a log line where auto does without.
    """
    if said.reading == "off":
        return None
    module = encoder_missing()
    if module is None:
        return Encoder.load()
    if said.reading == "on":
        raise OptionError(f"--reading=on needs {module}: {install_encoder_command()}")
    _LOG.warning(
        "no second stage is fitted, which needs %s (%s): linear heads alone escalate more safe "
        "posts at the same recall",
        *(module, install_encoder_command()),
    )
    return None


@cache
def _warn(why: str) -> None:
    """Log it, once a process: the demo alone makes three jobs of the same screen."""
    _LOG.warning("%s", why)


def _without(path: str) -> str | None:
    """Return why a screen has no second stage here, None where it has."""
    if not has_reader(path):
        return f"the screen {path} has no second stage"
    if module := encoder_missing():
        return (
            f"the second stage of the screen {path} needs {module}: {install_encoder_command()}; "
            "linear heads alone find less with the same number of requests to the judge"
        )
    return None
