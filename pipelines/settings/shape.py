"""Which part of the graph a job runs: all of it, or one side of a topic of escalations."""

from dataclasses import dataclass
from enum import StrEnum

from weir.pipelines.errors import OptionError
from weir.pipelines.options.source import StageOptions


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
    def of(cls, said: StageOptions, topics: tuple[str, ...]) -> "Shape":
        """Return the shape; OptionError where no topic is named."""
        stages, deferred = Stages(said.stages), said.source == "deferred"
        if deferred:
            stages, topics = Stages.JUDGE, (said.deferred_topic,)
        elif stages is Stages.JUDGE and not topics:
            topics = (said.escalation_topic,)
        if not topics:
            raise OptionError("--topics is missing: the topics to moderate, separated by commas")
        return cls(stages, topics, said.escalation_topic, said.deferred_topic, deferred)
