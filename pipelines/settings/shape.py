"""Which part of the graph a job runs: all of it, or one side of a topic of escalations."""

from dataclasses import dataclass
from enum import StrEnum

from weir.pipelines.options.job import JobOptions
from weir.transforms.read.topics import apart_from


class Stages(StrEnum):
    """The part of the graph that a job runs."""

    ALL = "all"
    SCREEN = "screen"
    JUDGE = "judge"

    @property
    def screens(self) -> bool:
        """Return whether the job reads posts."""
        return self is not Stages.JUDGE

    @property
    def judges(self) -> bool:
        """Return whether the job has an engine."""
        return self is not Stages.SCREEN


@dataclass(frozen=True)
class Shape:
    """What a job runs and reads, from its options."""

    stages: Stages
    topics: tuple[str, ...]
    escalation_topic: str
    deferred_topic: str
    deferred: bool = False  # whether it is the topic of the deferred that is read, by that name

    @classmethod
    def of(cls, said: JobOptions) -> "Shape":
        """Return the shape, without topics where none is named; SourceError for a wrong pattern."""
        between = (said.shape.escalation_topic, said.shape.deferred_topic)
        own = (said.topics.flagged_topic, said.topics.dead_letter_topic, *between)
        topics = apart_from(said.source.topics, own)
        stages, deferred = Stages(said.shape.stages), said.shape.source == "deferred"
        if deferred:
            stages, topics = Stages.JUDGE, (said.shape.deferred_topic,)
        elif stages is Stages.JUDGE and not topics:
            topics = (said.shape.escalation_topic,)
        return cls(stages, topics, *between, deferred)
