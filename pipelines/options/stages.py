"""Which part of the graph a job runs: all of it, or one side of a topic of escalations."""

import argparse
from dataclasses import dataclass
from enum import StrEnum

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.judge.engine import Engine


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


class StageOptions(PipelineOptions):
    """Which part of the graph the job runs, and the topics that join the parts."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Stages",
            "One job does all, or a job that screens hands escalations to one that judges, each on "
            "machines of its own. Give both the same policies and decoding options; run name and "
            "mode travel with the escalations.",
        )
        group.add_argument(
            "--stages",
            default=str(Stages.ALL),
            choices=[str(stages) for stages in Stages],
            help="screen: send escalations to --escalation_topic instead of judging them; "
            "judge: read them from there, or from --topics",
        )
        group.add_argument(
            "--source",
            default="topics",
            choices=["topics", "deferred"],
            help="deferred: judge now what was over the budget of earlier runs, from "
            "--deferred_topic; it goes on where the last such run ended, whatever its name, "
            "unless --start says otherwise",
        )
        group.add_argument("--escalation_topic", default="weir-escalations")
        group.add_argument(
            "--deferred_topic", default="weir-deferred", help="of what is over the budget"
        )


@dataclass(frozen=True)
class Shape:
    """What a job runs and reads, from its options."""

    stages: Stages
    topics: tuple[str, ...]  # empty where the options name none and should
    escalation_topic: str
    deferred_topic: str
    deferred: bool = False  # whether it is the topic of the deferred that is read, by that name

    @classmethod
    def of(cls, options: StageOptions, topics: tuple[str, ...]) -> "Shape":
        """Return the shape; OptionError where the options contradict each other."""
        stages, deferred = Stages(options.stages), options.source == "deferred"
        if deferred:
            if topics or stages is Stages.SCREEN:
                other = "--topics" if topics else "--stages=screen"
                raise OptionError(
                    f"--source=deferred says what is read and done; leave {other} out"
                )
            stages, topics = Stages.JUDGE, (options.deferred_topic,)
        elif stages is Stages.JUDGE and not topics:
            topics = (options.escalation_topic,)
        return cls(stages, topics, options.escalation_topic, options.deferred_topic, deferred)


def no_engine() -> Engine:
    """Stand for the engine of a job that only screens: nothing is asked of one there."""
    raise RuntimeError("a job that only screens has no engine")
