"""The option of the screen's second stage, and what is lost without it."""

import argparse
import logging

from apache_beam.options.pipeline_options import PipelineOptions

from weir.distribution import install_encoder_command
from weir.pipelines.errors import OptionError
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.reading.screen import ReadingSource, encoder_missing, has_reader

READING = ("auto", "on", "off")

_LOG = logging.getLogger(__name__)


class ReadingOptions(PipelineOptions):
    """Whether the screen's second stage reads what the first does not clear."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "The second stage of the screen",
            "Linear heads clear what they can in microseconds; what they cannot is read by a small "
            "sentence encoder, at about 20 ms of a core for a post of 200 bytes, so that the judge "
            "gets far less. docs/screen.md has the figures.",
        )
        group.add_argument(
            "--reading",
            default="auto",
            choices=READING,
            help="auto: where the screen has a second stage and the encoder is installed (a "
            "run without it says how); on: refuse to start without; off: linear heads "
            "alone, for streams of more posts than the cores read",
        )


def screen_source(path: str, reading: str) -> ScreenSource:
    """Return where workers find a screen, with its second stage where that is to read.

    ScreenError where the screen is unsound, OptionError where --reading asks for what is not there.
    """
    if reading not in READING:
        raise OptionError(f"--reading is {reading!r}; it is one of {', '.join(READING)}")
    if reading == "off":
        return ScreenSource.of(path)
    if why := _without(path):
        if reading == "on":
            raise OptionError(f"--reading=on is not possible: {why}")
        if has_reader(path):
            _LOG.warning("%s", why)
        return ScreenSource.of(path)
    return ReadingSource.of(path)


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
