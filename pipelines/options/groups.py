"""Progress in a consumer group: for lag tools, and to start from."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.kafka.commits import DONE, Committer
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.process.offset_ledger import PROGRESS
from weir.transforms.read import Start, Stop
from weir.transforms.read.bounds import Group

_LONGEST_NAME = 200  # characters; a group's name, with a prefix, may have 255 bytes in some tools
_NONE = "none"
FROM_GROUP = "group"


class GroupOptions(PipelineOptions):
    """Where progress is committed."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Progress",
            "Committed every few seconds. In process and on Prism the offset is the one before "
            "which every decision is stored, and --start=group goes on there, so that a job that "
            "was killed loses nothing; rows of what was in flight come again, under the same "
            "decision ids. On other runners it is how far they have read, for lag tools alone: "
            "their own checkpoint is what to resume from.",
        )
        group.add_argument(
            "--group",
            metavar="NAME",
            help="consumer group, or none (default: weir-RUN_NAME where there is no --stop or "
            "--start is group)",
        )


def group_of(options: GroupOptions, run: str, start: str, stop: Stop) -> str | None:
    """Return the group to commit to; OptionError where it is to be started from, and is none."""
    from_group = start.strip() == FROM_GROUP
    if options.group == _NONE:
        if from_group:
            raise OptionError("--start=group needs a group: leave --group=none out")
        return None
    if options.group:
        return str(options.group)
    return f"weir-{run}" if from_group or stop.at == "never" else None


def start_of(start: str, group: str | None) -> Start:
    """Return where reading starts; ValueError that says what is allowed."""
    if start.strip() == FROM_GROUP and group:
        return Start(Group(group))
    return Start.parse(start)


@contextmanager
def progress_committed(kafka: KafkaSettings, group: str | None) -> Iterator[None]:
    """Commit what is decided while the block runs, and once more at its end.

    For a job of which every step is in this process.
    """
    if group is None:
        yield
        return
    PROGRESS.start()
    try:
        with Committer(kafka, group, DONE, PROGRESS.settled):
            yield
    finally:
        PROGRESS.stop()


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
