"""Everything the graph of a job needs, from what was said of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.resources import parse_resource_hints

from weir.pipelines.errors import OptionError
from weir.pipelines.options.beam import options_of
from weir.pipelines.options.job import JobOptions
from weir.pipelines.options.judging import SpendingOptions
from weir.pipelines.runners import (
    restores,
    runs_in_process,
    runs_on_prism,
    several_processes,
)
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.decoding import decode_settings
from weir.pipelines.settings.edits import Edits
from weir.pipelines.settings.engines import (
    engine_factory,
    no_engine,
    require_installed,
    require_together,
)
from weir.pipelines.settings.kafka import kafka_settings
from weir.pipelines.settings.progress import DEFERRED_GROUP, Progress
from weir.pipelines.settings.provisional import require_flags
from weir.pipelines.settings.registry import check_form
from weir.pipelines.settings.screens import screen_source
from weir.pipelines.settings.shape import Shape, Stages
from weir.pipelines.settings.shares import shares_of
from weir.pipelines.settings.storage import redaction
from weir.pipelines.settings.taught_screen import Teaching
from weir.pipelines.settings.traces import trace_settings
from weir.policies.loading import load_policies
from weir.policies.policy import PolicyError, PolicySet
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.reuse import ReuseSettings
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import Stop
from weir.transforms.read.topics import apart_from
from weir.transforms.records import Mode
from weir.transforms.screen import STARTER, ScreenError, ScreenSource
from weir.transforms.screen.thresholds.decide import StreamShares
from weir.transforms.select import Replayed
from weir.transforms.traces import TraceSettings
from weir.transforms.write.bigquery.sink import BigQuerySettings
from weir.transforms.write.flagged_forms import AS_JSON, FlaggedForm
from weir.transforms.write.redaction import Redaction

# Of the audit rate: these posts say little of each policy, and a screen that saw only what it sends
# would never hear of anything else.
LESSONS = 0.2
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the steps of a job run."""

    one_process: bool  # every step in the process of the command
    # Beam's own runner gains nothing from breaking fusion, and would hold every escalation in
    # memory until the source ends.
    break_fusion: bool


@dataclass(frozen=True)
class ModerationSettings:
    """Everything the graph needs, checked: what was said, and what it comes to."""

    said: JobOptions
    place: Place
    kafka: KafkaSettings
    shape: Shape
    progress: Progress
    stop: Stop
    decode: DecodeSettings
    policies: PolicySet
    screen: ScreenSource
    shadow_screen: ScreenSource | None
    engine: Callable[[], Engine]
    budget: Budget
    shadow_budget: Budget
    bigquery: BigQuerySettings
    redaction: Redaction
    reuse: ReuseSettings | None = None
    edits: Edits = field(default_factory=Edits)
    shares: StreamShares | None = None  # of the stream, that heads are open for
    salt: str = field(default="", repr=False)  # of what is drawn at random
    teaching: Teaching | None = None  # where the judge's verdicts teach the screen
    traces: TraceSettings | None = None  # of sampled posts
    form: FlaggedForm = AS_JSON  # of the flagged topic
    replay: Replayed | None = None  # the slice of history that is decided anew, where it is one

    @property
    def run(self) -> str:
        """Return the name that stands on every row."""
        return self.said.deciding.run

    @property
    def mode(self) -> Mode:
        """Return what verdicts are for."""
        return Mode(self.said.deciding.mode)

    @property
    def audit_rate(self) -> float:
        """Return the share of cleared posts that is judged all the same."""
        return self.said.deciding.audit_rate

    @property
    def stages(self) -> Stages:
        """Return the part of the graph that the job runs."""
        return self.shape.stages

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that the job reads."""
        return self.shape.topics

    @property
    def lesson_rate(self) -> float:
        """Return the share of cleared posts that is judged to teach the screen."""
        return LESSONS * self.audit_rate if self.teaching else 0.0

    @property
    def surges(self) -> bool:
        """Return whether the screen may set aside what a surge brings beyond a bound."""
        return self.stages.screens and self.shares is not None

    @property
    def budgeted(self) -> bool:
        """Return whether the judge may set aside what is over its budget."""
        return self.stages.judges and (self.budget.limited or self.shadow_budget.limited)

    @property
    def topics_written(self) -> tuple[str, ...]:
        """Return the topics that the job writes to."""
        written = [self.said.topics.dead_letter_topic]
        if self.stages.judges or self.said.flags.provisional:
            written.append(self.said.topics.flagged_topic)
        if not self.stages.judges:
            written.append(self.shape.escalation_topic)
        if self.surges or self.budgeted:
            written.append(self.shape.deferred_topic)
        return tuple(written)

    @classmethod
    def from_options(
        cls, options: PipelineOptions, engine: Callable[[], Engine] | None = None
    ) -> "ModerationSettings":
        """Check every option and return the settings; OptionError names the first wrong one.

        An engine that asks a server is checked against it: EndpointError where it cannot serve.
        Not so one that is given, of the same options: it was.
        """
        in_process = runs_in_process(options)
        said = options_of(options)
        kafka = kafka_settings(said.kafka)
        own = (
            *(said.topics.flagged_topic, said.topics.dead_letter_topic),
            *(said.shape.escalation_topic, said.shape.deferred_topic),
        )
        shape = Shape.of(said.shape, apart_from(said.source.topics, own))
        if in_process and shape.stages.judges:
            require_installed(said.judge.engine)
        if shape.stages.judges:
            require_together(said.spending.judge_together, said.judge.engine)
        bigquery, stop = bigquery_settings(said.bigquery), _stop(said.source.stop)
        one_process = runs_on_prism(options) or (in_process and not several_processes(options))
        if said.watching.metrics_port is not None and not one_process:
            raise OptionError(
                "--metrics-port serves what this process counts, and on a cluster it counts "
                "nothing: leave it out, and read the runner's metrics"
            )
        _require_readable(said.runner.judge_hints)
        policies, screen, shadow_screen = _deciders(said)
        if said.flags.provisional:
            require_flags(shape.stages.screens, screen, policies, Mode(said.deciding.mode))
        spending = said.spending
        settings = cls(
            said=said,
            place=Place(one_process, break_fusion=not in_process),
            kafka=kafka,
            shape=shape,
            progress=Progress.of(
                said.progress.group,
                said.source.start,
                stop,
                DEFERRED_GROUP if shape.deferred else f"weir-{said.deciding.run}",
                restored=restores(options, said.runner),
            ),
            stop=stop,
            decode=decode_settings(said.decoding, said.storing.author_field, said.registry),
            policies=policies,
            screen=screen,
            shadow_screen=shadow_screen,
            engine=engine
            or (
                engine_factory(said.judge, said.endpoint, policies)
                if shape.stages.judges
                else no_engine
            ),
            budget=Budget(
                spending.budget_requests_per_second,
                spending.budget_tokens_per_second,
                spending.budget_share,
            ),
            shadow_budget=Budget(
                spending.shadow_budget_requests_per_second, share=spending.shadow_budget_share
            ),
            reuse=_reuse(spending),
            bigquery=bigquery,
            redaction=redaction(said.storing),
            edits=Edits.of(
                said.edits.policy_seconds, said.deciding.policies, endless=stop.at == "never"
            ),
            shares=shares_of(said.shares, said.deciding.audit_rate, screen, policies),
            traces=trace_settings(said.watching),
        )
        check_form(said.topics, said.registry)
        _refuse_own_output(settings)
        return settings


def _deciders(said: JobOptions) -> tuple[PolicySet, ScreenSource, ScreenSource | None]:
    """Return the policies, the screen, and the one that it is compared with."""
    second = said.deciding.shadow_screen
    try:
        policies = load_policies(said.deciding.policies)
        screen = screen_source(said.deciding.screen, said.reading)
        shadow_screen = screen_source(second, said.reading) if second else None
    except (PolicyError, ScreenError) as error:
        raise OptionError(str(error)) from error
    # Whoever has policies of his own has not trained the starter, and knows none of its heads.
    ignored = screen.screen().gone_heads([policy.policy_id for policy in policies.policies])
    if ignored and screen.path != STARTER:
        _LOG.warning("%s", ignored)
    return policies, screen, shadow_screen


def _reuse(spending: SpendingOptions) -> ReuseSettings | None:
    if not spending.judge_reuse_mb:
        return None
    size = int(spending.judge_reuse_mb * (1 << 20))
    return ReuseSettings(size, spending.judge_reuse_check, spending.judge_reuse_agreement)


def _stop(text: str) -> Stop:
    try:
        return Stop.parse(text)
    except ValueError as error:
        raise OptionError(f"--stop {text!r}: {error}") from error


def _require_readable(hints: dict[str, str]) -> None:
    try:
        parse_resource_hints(hints)
    except ValueError as error:
        raise OptionError(f"--judge-accelerator or --judge-min-ram: {error}") from error


def _refuse_own_output(settings: ModerationSettings) -> None:
    topics = settings.said.topics
    outputs = {topics.flagged_topic, topics.dead_letter_topic}
    if settings.stages.screens:
        outputs |= {settings.shape.escalation_topic, settings.shape.deferred_topic}
    if outputs & set(settings.topics):
        raise OptionError("--topics names an output topic: Weir would moderate its own output")
    again = settings.shape.deferred_topic in set(settings.topics) & set(settings.topics_written)
    if again and settings.stop.at == "never":
        raise OptionError(
            "With a budget, a job that reads the deferred topic writes to it: give --stop=latest"
        )
