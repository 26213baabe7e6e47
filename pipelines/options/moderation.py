"""The options of the moderation job, one class per concern, validated before anything starts."""

import argparse
import difflib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TypeVar

from apache_beam.options.pipeline_options import PipelineOptions

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.pipelines.monitoring.options import Watch, WatchOptions
from weir.pipelines.options.budget import (
    SpendingOptions,
    budget_of,
    cache_bytes_of,
    shadow_budget_of,
)
from weir.pipelines.options.cold import ColdStartOptions
from weir.pipelines.options.decoding import DecodeOptions, decode_settings
from weir.pipelines.options.endpoint import EndpointOptions
from weir.pipelines.options.engines import JudgeOptions, engine_factory
from weir.pipelines.options.groups import (
    DEFERRED_GROUP,
    GroupOptions,
    Progress,
    require_run_name,
)
from weir.pipelines.options.provisional import ProvisionalOptions, provisional_of
from weir.pipelines.options.reading import ReadingOptions, screen_source
from weir.pipelines.options.reloading import Edits, ReloadOptions
from weir.pipelines.options.shares import ShareOptions, shares_of
from weir.pipelines.options.source import SourceOptions, kafka_settings
from weir.pipelines.options.stages import Shape, StageOptions, Stages, no_engine
from weir.pipelines.options.stopping import StopOptions, drain_seconds_of
from weir.pipelines.options.storage import Storing, StoringOptions, storing_of
from weir.pipelines.runners import (
    RunnerOptions,
    judge_hints,
    restores,
    runs_in_process,
    runs_on_prism,
    several_processes,
)
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import PolicyError, PolicySet
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.engine import Engine
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import Start, Stop
from weir.transforms.records import Mode
from weir.transforms.screen import STARTER, ScreenError, ScreenSource
from weir.transforms.screen.thresholds.applied import StreamShares
from weir.transforms.select import Replayed
from weir.transforms.write.bigquery.sink import BigQuerySettings

T = TypeVar("T")
_NEEDS = {
    "exemplar": ("sklearn", "scikit-learn", "screen", ""),
    "vllm": ("vllm", "vLLM", "engine", ", on a Linux machine with a GPU"),
}
_LOG = logging.getLogger(__name__)


class ModerationOptions(PipelineOptions):
    """What decides, and under which name."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Policies and screen")
        group.add_argument(
            "--policies",
            default=str(LIBRARY),
            help="folder or gs:// prefix of policy documents (default: those that ship with Weir)",
        )
        group.add_argument(
            "--screen",
            default=STARTER,
            help="folder or gs:// prefix of a trained screen; starter ships with Weir",
        )
        group.add_argument(
            "--shadow_screen",
            metavar="PATH",
            help="a second screen to compare with: it only records what it would have decided, at "
            "about a quarter more of the first one's cost",
        )
        group.add_argument(
            "--audit_rate",
            type=float,
            default=0.01,
            help="share of cleared posts that is judged all the same, to measure what is missed",
        )
        group.add_argument("--run_name", default="live", help="stands on every row")
        group.add_argument(
            "--mode",
            default="enforce",
            choices=[str(m) for m in Mode],
            help="what verdicts are for; only enforce reaches the flagged topic",
        )


class SinkOptions(PipelineOptions):
    """Where decisions go."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Sinks")
        group.add_argument("--flagged_topic", default="weir-flagged", help="topic of violations")
        group.add_argument(
            "--dead_letter_topic",
            default="weir-dead-letters",
            help="topic of what cannot be processed",
        )
        group.add_argument("--bigquery_project", help="Google Cloud project of the tables")
        group.add_argument("--bigquery_dataset", default="weir", help="their dataset")
        group.add_argument("--bigquery_rest", metavar="URL", help="an emulator's REST endpoint")
        group.add_argument("--bigquery_grpc", metavar="HOST:PORT", help="an emulator's gRPC one")


CONCERNS = (
    SourceOptions,
    GroupOptions,
    StageOptions,
    DecodeOptions,
    ModerationOptions,
    ReadingOptions,
    ProvisionalOptions,
    ReloadOptions,
    ShareOptions,
    ColdStartOptions,
    JudgeOptions,
    EndpointOptions,
    SpendingOptions,
    SinkOptions,
    RunnerOptions,
    StopOptions,
    WatchOptions,
    StoringOptions,
)


@dataclass(frozen=True)
class ModerationSettings:
    """Everything the graph needs, checked."""

    kafka: KafkaSettings
    shape: Shape
    start: Start
    stop: Stop
    group: str | None  # of consumers, to commit progress to
    resumes: bool  # where the group has got to, if it has got anywhere
    one_process: bool  # every step runs in the process of the command
    drain_seconds: float
    watch: Watch
    accept_loss: bool
    decode: DecodeSettings
    policies: PolicySet
    screen: ScreenSource
    shadow_screen: ScreenSource | None
    audit_rate: float
    engine: Callable[[], Engine]
    max_in_flight: int
    waiting_bytes: int  # of escalations on Prism, before reading waits for the judge
    judge_timeout: float
    cache_bytes: int
    budget: Budget
    shadow_budget: Budget
    run: str
    mode: Mode
    flagged_topic: str
    dead_letter_topic: str
    bigquery: BigQuerySettings
    storing: Storing
    break_fusion: bool
    shares: StreamShares | None = None  # of the stream, that heads are open for
    provisional: bool = False  # posts are flagged before they are judged
    edits: Edits = field(default_factory=Edits)
    # Of the judge's workers, as Beam names them.
    judge_hints: Mapping[str, str] = field(default_factory=dict)
    salt: str = field(default="", repr=False)  # of what is drawn at random
    replay: Replayed | None = None  # the slice of history that is decided anew, where it is one

    @property
    def stages(self) -> Stages:
        """Return the part of the graph that the job runs."""
        return self.shape.stages

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that the job reads."""
        return self.shape.topics

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
        written = [self.dead_letter_topic]
        if self.stages.judges or self.provisional:
            written.append(self.flagged_topic)
        if not self.stages.judges:
            written.append(self.shape.escalation_topic)
        if self.surges or self.budgeted:
            written.append(self.shape.deferred_topic)
        return tuple(written)

    @classmethod
    def from_options(cls, options: PipelineOptions) -> "ModerationSettings":
        """Check every option and return the settings; OptionError names the first wrong one.

        An engine that asks a server is checked against it: EndpointError where it cannot serve.
        """
        source, decode = options.view_as(SourceOptions), options.view_as(DecodeOptions)
        moderation, sink = options.view_as(ModerationOptions), options.view_as(SinkOptions)
        share = options.view_as(ShareOptions)
        judge, spending = options.view_as(JudgeOptions), options.view_as(SpendingOptions)
        in_process = runs_in_process(options)
        _require_known(options, every_option=in_process)
        named = tuple(t.strip() for t in (source.topics or "").split(",") if t.strip())
        shape = Shape.of(options.view_as(StageOptions), named)
        if in_process and shape.stages.judges:
            _require_installed(judge.engine)
        _require(source.brokers, "--brokers", "HOST:PORT of a Kafka broker")
        _require(shape.topics, "--topics", "the topics to moderate, separated by commas")
        _require(sink.bigquery_project, "--bigquery_project", "the project of the tables")
        if bool(sink.bigquery_rest) != bool(sink.bigquery_grpc):
            raise OptionError(
                "--bigquery_rest and --bigquery_grpc belong together: with one of them alone, rows "
                "would go to Google's service and questions to an emulator, or the other way round"
            )
        if not 0 <= moderation.audit_rate <= 1:
            raise OptionError(f"--audit_rate is {moderation.audit_rate}; give a share from 0 to 1")
        if judge.max_in_flight < 1:
            raise OptionError(f"--max_in_flight is {judge.max_in_flight}; give at least 1")
        if not 0 < judge.waiting_mb < math.inf:
            raise OptionError(f"--waiting_mb is {judge.waiting_mb}; give megabytes above 0")
        if judge.judge_timeout <= 0:
            raise OptionError(f"--judge_timeout is {judge.judge_timeout}; give seconds above 0")
        require_run_name(moderation.run_name)
        try:
            policies = load_policies(moderation.policies)
            reading = options.view_as(ReadingOptions).reading
            screen = screen_source(moderation.screen, reading)
            second = moderation.shadow_screen
            shadow_screen = screen_source(second, reading) if second else None
        except (PolicyError, ScreenError) as error:
            raise OptionError(str(error)) from error
        # Whoever has policies of his own has not trained the starter, and knows none of its heads.
        ignored = screen.screen().gone([policy.policy_id for policy in policies.policies])
        if ignored and screen.path != STARTER:
            _LOG.warning("%s", ignored)
        stop = _parse("--stop", Stop.parse, source.stop)
        progress = Progress.of(
            options.view_as(GroupOptions),
            source.start,
            stop,
            DEFERRED_GROUP if shape.deferred else f"weir-{moderation.run_name}",
            restored=restores(options),
        )
        one_process = runs_on_prism(options) or (in_process and not several_processes(options))
        settings = cls(
            kafka=kafka_settings(source),
            shape=shape,
            start=progress.start,
            stop=stop,
            group=progress.group,
            resumes=progress.resumes,
            one_process=one_process,
            drain_seconds=drain_seconds_of(options.view_as(StopOptions)),
            watch=Watch.of(options.view_as(WatchOptions), one_process=one_process),
            accept_loss=source.accept_loss,
            decode=decode_settings(decode, options.view_as(StoringOptions).author_field),
            policies=policies,
            screen=screen,
            shadow_screen=shadow_screen,
            audit_rate=moderation.audit_rate,
            engine=engine_factory(judge, policies) if shape.stages.judges else no_engine,
            max_in_flight=judge.max_in_flight,
            waiting_bytes=int(judge.waiting_mb * (1 << 20)),
            judge_timeout=judge.judge_timeout,
            cache_bytes=cache_bytes_of(spending),
            budget=budget_of(spending),
            shadow_budget=shadow_budget_of(spending),
            edits=Edits.of(
                options.view_as(ReloadOptions), moderation.policies, endless=stop.at == "never"
            ),
            run=moderation.run_name,
            mode=Mode(moderation.mode),
            flagged_topic=sink.flagged_topic,
            dead_letter_topic=sink.dead_letter_topic,
            bigquery=BigQuerySettings(
                project=sink.bigquery_project,
                dataset=sink.bigquery_dataset,
                rest_endpoint=sink.bigquery_rest,
                grpc_endpoint=sink.bigquery_grpc,
            ),
            storing=storing_of(options.view_as(StoringOptions)),
            # One process gains nothing from breaking fusion, and its runner would hold every
            # escalation in memory until the source ends.
            break_fusion=not in_process,
            provisional=provisional_of(
                options.view_as(ProvisionalOptions),
                shape.stages,
                screen,
                policies,
                Mode(moderation.mode),
            ),
            shares=shares_of(
                share.budget_per_head,
                share.requests_per_1000,
                moderation.audit_rate,
                screen,
                policies,
            ),
            judge_hints=judge_hints(options.view_as(RunnerOptions)),
        )
        _refuse_own_output(settings)
        return settings


def _require_known(options: PipelineOptions, *, every_option: bool) -> None:
    """Raise OptionError for an unknown option; Beam would leave it out without a word.

    A cluster's runner may have options that only its job server knows, so there an unknown one is
    refused only where it resembles one of Weir's.
    """
    parser, ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False), set()
    for concern in {str(each): each for each in PipelineOptions.__subclasses__()}.values():
        before = set(parser._option_string_actions)
        concern._add_argparse_args(parser)
        if concern in CONCERNS:
            ours |= set(parser._option_string_actions) - before
    _, unknown = parser.parse_known_args(options._flags)
    for flag in unknown:
        name = flag.split("=")[0]
        similar = difflib.get_close_matches(name, sorted(ours), 1, 0.8)
        if similar or every_option:
            hint = f"did you mean {similar[0]}?" if similar else "see weir run --help"
            raise OptionError(f"{name} is not an option: {hint}")


def _require_installed(engine: str) -> None:
    """Raise OptionError for an engine that lacks what it needs here, before it is missed mid-job.

    On a cluster it is the workers that need it.
    """
    module, what, extra, more = _NEEDS.get(engine, ("weir", "", "", ""))
    if find_spec(module) is None:
        raise OptionError(
            f"--engine={engine} needs {what} here, and it is not installed: "
            f"{install_command(extra)}{more}"
        )


def _require(value: object, option: str, what: str) -> None:
    if not value:
        raise OptionError(f"{option} is missing: {what}")


def _refuse_own_output(settings: ModerationSettings) -> None:
    outputs = {settings.flagged_topic, settings.dead_letter_topic}
    if settings.stages.screens:
        outputs |= {settings.shape.escalation_topic, settings.shape.deferred_topic}
    if outputs & set(settings.topics):
        raise OptionError("--topics names an output topic: Weir would moderate its own output")
    again = settings.shape.deferred_topic in set(settings.topics) & set(settings.topics_written)
    if again and settings.stop.at == "never":
        raise OptionError(
            "With a budget, a job that reads the deferred topic writes to it: give --stop=latest"
        )


def _parse(option: str, parse: Callable[[str], T], value: str) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise OptionError(f"{option} {value!r}: {error}") from error
