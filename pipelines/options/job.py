"""All that a person says of a job, a value for each concern."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, get_type_hints

from weir.pipelines.errors import OptionError
from weir.pipelines.options.arguments import Parser, add_options, texts_of
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.content import DecodeOptions, RegistryOptions, StoringOptions
from weir.pipelines.options.judging import (
    OF_ENGINE,
    EndpointOptions,
    JudgeOptions,
    SpendingOptions,
    refuse_those_of_others,
)
from weir.pipelines.options.option import Option
from weir.pipelines.options.running import RunnerOptions, StopOptions, WatchOptions
from weir.pipelines.options.screening import (
    ColdStartOptions,
    DecidingOptions,
    ProvisionalOptions,
    ReadingOptions,
    ReloadOptions,
    ShareOptions,
)
from weir.pipelines.options.sinks import BigQueryOptions, TopicOptions
from weir.pipelines.options.source import GroupOptions, KafkaOptions, SourceOptions, StageOptions
from weir.pipelines.options.teaching import TeachingOptions


@dataclass(frozen=True)
class JobOptions:
    """What was said of a job and, where nothing was, the defaults. Checked where it is made.

    The order is that of the help.
    """

    kafka: KafkaOptions
    source: SourceOptions
    progress: GroupOptions
    shape: StageOptions
    registry: RegistryOptions
    decoding: DecodeOptions
    deciding: DecidingOptions
    reading: ReadingOptions
    flags: ProvisionalOptions
    edits: ReloadOptions
    shares: ShareOptions
    cold: ColdStartOptions
    teaching: TeachingOptions
    judge: JudgeOptions
    endpoint: EndpointOptions
    spending: SpendingOptions
    topics: TopicOptions
    bigquery: BigQueryOptions
    runner: RunnerOptions
    stopping: StopOptions
    watching: WatchOptions
    storing: StoringOptions

    def __post_init__(self) -> None:
        if self.shape.source == "deferred" and self.source.topics:
            raise OptionError("--source=deferred says what is read; leave --topics out")
        if self.shape.stages != "screen":
            refuse_those_of_others(self.judge, self.endpoint)

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Return them from texts by the options' names; OptionError names a wrong one."""
        made: dict[str, Any] = {name: concern.of(given) for name, concern in _CONCERNS.items()}
        return cls(**made)


_HINTS = get_type_hints(JobOptions)
_CONCERNS: dict[str, type[Concern]] = {each.name: _HINTS[each.name] for each in fields(JobOptions)}

CONCERNS: tuple[type[Concern], ...] = tuple(_CONCERNS.values())
OPTIONS: dict[str, Option] = {each.name: each for concern in CONCERNS for each in concern.options()}
OLD_NAMES: dict[str, str] = {old: each.name for each in OPTIONS.values() for old in each.says.old}


def overruled_names(said: Mapping[str, str]) -> set[str]:
    """Return the options that mean nothing beside what a command line says.

    So that it wins over a file that says the same by another option, or names another engine.
    """
    same = {"budget-per-head", "requests-per-1000"}
    names = same - said.keys() if same & said.keys() else set()
    if engine := said.get("engine"):
        names |= {o.name for other, of in OF_ENGINE.items() if other != engine for o in of}
    if said.get("source") == "deferred":
        names |= {"topics", "stages"}
    return names


def read(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return what a command line says, as texts by the options' names, and its other arguments.

    OptionError where an option lacks its value.
    """
    parser = Parser(add_help=False, allow_abbrev=False)
    add_options(parser, OPTIONS.values())
    parsed, others = parser.parse_known_args(list(argv))
    return texts_of(vars(parsed), OPTIONS.values()), others
