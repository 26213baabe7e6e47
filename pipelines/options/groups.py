"""Progress in a consumer group: for lag tools, and to start from."""

import argparse
from dataclasses import dataclass
from typing import Self

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.read import Start, Stop

_LONGEST_NAME = 200  # characters; a group's name, with a prefix, may have 255 bytes in some tools
_NONE = "none"
FROM_GROUP = "group"
DEFERRED_GROUP = "weir-deferred"  # whichever run deferred them, and whichever judges them


class GroupOptions(PipelineOptions):
    """Where progress is committed."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Progress",
            "A run goes on where the last one of its name had got to. In process and on Prism "
            "that is the offset before which every decision is stored, committed every few "
            "seconds, so that a job that was killed loses nothing; rows of what was in flight come "
            "again, under the same decision ids. On other runners it is the end of bounded work "
            "that was done; of a job without an end it is how far it has read, for lag tools "
            "alone: its own checkpoint is what to resume from.",
        )
        group.add_argument(
            "--group",
            metavar="NAME",
            help="consumer group that holds it, or none (default: weir-RUN_NAME)",
        )


@dataclass(frozen=True)
class Progress:
    """Where a run keeps how far it has got, and where it begins."""

    group: str | None  # of consumers
    resumes: bool  # where the group has got to; at ``start`` where it has got nowhere
    start: Start

    @classmethod
    def of(
        cls, options: GroupOptions, start: str | None, stop: Stop, usual: str, *, restored: bool
    ) -> Self:
        """Return it from the options and the usual name of the group; OptionError.

        What a runner restores of an earlier job has a place of its own to go on from.
        """
        group = None if options.group == _NONE else str(options.group or usual)
        given = (start or FROM_GROUP).strip()
        if given != FROM_GROUP:
            try:
                begin = Start.parse(given)
            except ValueError as error:
                raise OptionError(f"--start {start!r}: {error}; or {FROM_GROUP}") from error
            # A slice from the midst is no progress: it would move a live job's place.
            whole = stop.at == "never" or (begin.at, stop.at) == ("earliest", "latest")
            return cls(group if whole or options.group else None, False, begin)
        if start and group is None:
            raise OptionError("--start=group needs a group: leave --group=none out")
        return cls(group, group is not None and not restored, Start("earliest"))


def require_run_name(name: str) -> None:
    """Raise OptionError for a run name that cannot stand in rows, headers, groups and paths."""
    if not name:
        raise OptionError("--run_name is empty; every row carries it, so give it a name")
    if len(name) > _LONGEST_NAME or not name.isprintable() or set(name) & set("/\\"):
        raise OptionError(
            f"--run_name {name!r}: give at most {_LONGEST_NAME} printable characters, / and \\ "
            "not among them"
        )
    if not name.strip(". "):
        raise OptionError(f"--run_name {name!r} is the name of a folder; give it another")
