"""Progress in a consumer group: for lag tools, and to start from."""

from dataclasses import dataclass
from typing import Self

from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import JobOptions
from weir.pipelines.options.source import FROM_GROUP, SourceOptions
from weir.pipelines.settings.shape import Shape
from weir.transforms.read import Start, Stop

_NONE = "none"
_DEFERRED_GROUP = "weir-deferred"  # whichever run deferred them, and whichever judges them


@dataclass(frozen=True)
class Progress:
    """Where a run keeps how far it has got, and where it begins."""

    group: str | None  # of consumers
    resumes: bool  # where the group has got to; at ``start`` where it has got nowhere
    start: Start

    @classmethod
    def of(
        cls, said: str | None, start: str | None, stop: Stop, usual: str, *, restored: bool
    ) -> Self:
        """Return it from --group, --start and the usual name of the group; OptionError.

        What a runner restores of an earlier job has a place of its own to go on from.
        """
        group = None if said == _NONE else said or usual
        given = (start or FROM_GROUP).strip()
        if given != FROM_GROUP:
            try:
                begin = Start.parse(given)
            except ValueError as error:
                raise OptionError(f"--start {start!r}: {error}; or {FROM_GROUP}") from error
            # A slice from the midst is no progress: it would move a live job's place.
            whole = stop.at == "never" or (begin.at, stop.at) == ("earliest", "latest")
            return cls(group if whole or said else None, False, begin)
        if start and group is None:
            raise OptionError("--start=group needs a group: leave --group=none out")
        return cls(group, group is not None and not restored, Start("earliest"))


def progress_of(said: JobOptions, shape: Shape, stop: Stop, *, restored: bool) -> Progress:
    """Return where a job keeps how far it has got, and begins; OptionError."""
    usual = _DEFERRED_GROUP if shape.deferred else f"weir-{said.deciding.run}"
    return Progress.of(said.progress.group, said.source.start, stop, usual, restored=restored)


def stop_of(said: SourceOptions) -> Stop:
    """Return where a job ends; OptionError."""
    try:
        return Stop.parse(said.stop)
    except ValueError as error:
        raise OptionError(f"--stop {said.stop!r}: {error}") from error
