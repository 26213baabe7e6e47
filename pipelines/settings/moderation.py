"""Everything the graph of a job needs, from what was said of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError, require_extra
from weir.pipelines.options.beam import options_of
from weir.pipelines.options.job import JobOptions
from weir.pipelines.runners import restores, runs_in_process
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.consistency import require_consistent
from weir.pipelines.settings.decoding import decode_settings
from weir.pipelines.settings.edits import Edits
from weir.pipelines.settings.engines import engine_factory, no_engine, require_installed
from weir.pipelines.settings.kafka import kafka_settings
from weir.pipelines.settings.place import Place
from weir.pipelines.settings.progress import Progress, progress_of, stop_of
from weir.pipelines.settings.provisional import require_flags
from weir.pipelines.settings.screens import screen_source
from weir.pipelines.settings.shape import Shape, Stages
from weir.pipelines.settings.shares import shares_of
from weir.pipelines.settings.spending import budgets_of, reuse_of
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
        said, place = options_of(options), Place.of(options)
        require_consistent(said, place)
        kafka, bigquery = kafka_settings(said.kafka), bigquery_settings(said.bigquery)
        shape, stop = Shape.of(said), stop_of(said.source)
        if not shape.topics:
            raise OptionError("--topics is missing: the topics to moderate, separated by commas")
        if runs_in_process(options) and shape.stages.judges:
            require_installed(said.judge.engine)
        if said.watching.metrics_port is not None:
            require_extra("--metrics-port", "prometheus_client")
        policies, screen, shadow_screen = _deciders(said)
        if said.flags.provisional:
            require_flags(screen, policies, Mode(said.deciding.mode))
        budget, shadow_budget = budgets_of(said.spending)
        return cls(
            said=said,
            place=place,
            kafka=kafka,
            shape=shape,
            progress=progress_of(said, shape, stop, restored=restores(options, said.runner)),
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
            budget=budget,
            shadow_budget=shadow_budget,
            reuse=reuse_of(said.spending),
            bigquery=bigquery,
            redaction=redaction(said.storing),
            edits=Edits.of(
                said.edits.policy_seconds, said.deciding.policies, endless=stop.at == "never"
            ),
            shares=shares_of(said.shares, said.deciding.audit_rate, screen, policies),
            traces=trace_settings(said.watching),
        )


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
