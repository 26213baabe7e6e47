"""A run goes on where the last one of its name had got to, and keeps how far it has got.

In one process that is known of every post. Elsewhere it is known of bounded work that came to its
end: a run that is cut short there is decided again, under the same decision ids.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from weir.pipelines.settings import ModerationSettings
from weir.transforms.kafka.commits import DONE, Committer
from weir.transforms.process.offset_ledger import PROGRESS, Partition, Settled
from weir.transforms.read import Start
from weir.transforms.read.find_slices import find_slices, places_of

_NAMED = 4  # partitions


def resume(settings: ModerationSettings) -> ModerationSettings:
    """Return the settings with the places to go on from, and say on stderr where they are.

    SourceError where nothing safe can be said of them.
    """
    if not settings.progress.resumes or settings.progress.group is None:
        return settings
    places = places_of(settings.kafka, settings.topics, settings.progress.group)
    if not places.offsets:
        return settings
    found = [f"{topic}[{n}] at {at:,}" for (topic, n), at in sorted(places.offsets.items())]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    sys.stderr.write(
        f"weir: the run {settings.run} goes on where it had got to: {', '.join(found[:_NAMED])}"
        f"{more} (group {settings.progress.group}). --start=earliest decides all again, and flags "
        "it again\n"
    )
    return replace(settings, progress=replace(settings.progress, start=Start(places)))


@contextmanager
def progress_committed(settings: ModerationSettings) -> Iterator[None]:
    """Commit what is decided while the block runs, and once more at its end.

    For a job of which every step is in this process.
    """
    if settings.progress.group is None:
        yield
        return
    PROGRESS.start()
    try:
        with Committer(settings.kafka, settings.progress.group, DONE, PROGRESS.settled):
            yield
    finally:
        PROGRESS.stop()


def ends_of(settings: ModerationSettings) -> Mapping[Partition, Settled]:
    """Return before which offsets all will be decided once a job that others run is done.

    Ask before it starts: it may read further than this, and no less far. Empty where there is no
    end, or progress is committed as it is made.
    """
    if settings.place.one_process or settings.progress.group is None or settings.stop.at == "never":
        return {}
    found = find_slices(settings.kafka, settings.topics, settings.progress.start, settings.stop)
    return {(each.topic, each.partition): Settled(each.stop, each.topic_id) for each in found}


def commit_ends(settings: ModerationSettings, ends: Mapping[Partition, Settled]) -> None:
    """Let the next run of this name begin where this one has ended."""
    if ends and settings.progress.group is not None:
        with Committer(settings.kafka, settings.progress.group, DONE, lambda: ends):
            pass
