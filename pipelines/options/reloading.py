"""What may be edited while a job runs: how often its policies and its screen are read again."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.policies.loading import LIBRARY
from weir.policies.storage import is_remote
from weir.transforms.screen import STARTER

_LEAST_SECONDS = 0.5


class ReloadOptions(PipelineOptions):
    """How often a job looks at its policies and its screen."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Edits",
            "A job without a --stop reads --policies, --screen and --shadow_screen again: an edit "
            "is in force on every worker within 10 seconds, unless it is broken. Those that ship "
            "with Weir stay as they are.",
        )
        group.add_argument(
            "--policy_seconds",
            type=float,
            default=4.0,
            metavar="N",
            help="between two looks at the files; 0 keeps what the job began with",
        )


@dataclass(frozen=True)
class Edits:
    """What is read again, every so many seconds; nothing where they are 0."""

    seconds: float = 0.0
    policies: str | None = None

    @classmethod
    def of(cls, options: ReloadOptions, policies: str, *, endless: bool) -> "Edits":
        """Return what a job reads again; OptionError where it would do nothing else.

        Bounded work keeps what it began with: its decisions are to be of one kind.
        """
        seconds = options.policy_seconds
        if seconds != 0 and not _LEAST_SECONDS <= seconds <= 86_400:
            raise OptionError(
                f"--policy_seconds is {seconds}; give {_LEAST_SECONDS} to 86400, or 0 for never"
            )
        if not endless:
            return cls()
        if policies == str(LIBRARY):
            return cls(float(seconds))
        # A worker on this machine may have another working directory.
        path = policies if is_remote(policies) else str(Path(policies).absolute())
        return cls(float(seconds), path)

    def seconds_of_screen(self, path: str) -> float:
        """Return how often the screen at a path is looked at; 0 is never."""
        return 0.0 if path == STARTER else self.seconds
