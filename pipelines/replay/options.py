"""What a person says of a replay, beside what ``weir run`` takes."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from weir.pipelines.errors import OptionError
from weir.pipelines.options.arguments import Whole
from weir.pipelines.options.command_line import Arguments
from weir.transforms.read import Start, Stop

T = TypeVar("T")

_INSTEAD = {"start": "--from", "stop": "--to"}  # of weir run; a replay says them in its own words
_NONE_OF_ITS = ("mode", "group", "source", "stages", "resume")
NOT_TAKEN = ("topics", "run", "accept-loss", *_INSTEAD, *_NONE_OF_ITS)
# What the file of a live job says of that job alone. A redrive would send a replay's dead letters
# to be enforced, had it the same topic for them.
NOT_OF_FILE = (
    *(name for name in NOT_TAKEN if name != "topics"),
    "dead-letter-topic",
    "deferred-topic",
    "metrics-port",
)
_TOPICS = ("--dead-letter-topic=weir-replay-dead-letters", "--deferred-topic=weir-replay-deferred")
_LIVE = "live"
_OLD = {"--topic": "--topics", "--partial": "--accept-loss", "--run": "--run"}


@dataclass(frozen=True)
class Choice:
    """Which posts of the slice are decided anew: of an earlier run, of a version, of a query."""

    escalated_by: str | None = None  # a run
    judged_by: str | None = None  # a policy's version
    query: str | None = None  # SQL
    max_bytes: int = 10 << 30  # that the query may be billed

    @property
    def all(self) -> bool:
        """Return whether no post is left out."""
        return not (self.escalated_by or self.judged_by or self.query)


@dataclass(frozen=True)
class Request:
    """A replay that is asked for, checked as far as its words go."""

    topics: tuple[str, ...]
    start: Start
    stop: Stop
    bounds: tuple[str, str]  # as they were written
    run: str
    share: float = 1.0
    choice: Choice = Choice()
    budget: int | None = None  # of judge requests, in all
    gpu: str = "h100"
    partial: bool = False
    yes: bool = False
    dry_run: bool = False

    @classmethod
    def parse(cls, argv: Sequence[str]) -> tuple["Request", list[str]]:
        """Return the request, and the arguments of the job that fulfils it.

        OptionError names the first option that is missing or wrong.
        """
        given, others = own_parser().parse_known_args(_renamed(argv))
        for argument in others:
            name = argument.partition("=")[0].removeprefix("--")
            if name in NOT_TAKEN:
                instead = f": give {_INSTEAD[name]}" if name in _INSTEAD else ""
                raise OptionError(f"--{name} is not for a replay{instead}")
        topics = tuple(t.strip() for t in (given.topics or "").split(",") if t.strip())
        if not topics:
            raise OptionError("--topics is missing: the topics to replay, separated by commas")
        if not given.run:
            raise OptionError("--run is missing: a name for the replay, which every row carries")
        if given.run == _LIVE:
            raise OptionError("--run live is what live views show; give the replay another name")
        if given.start is None:
            raise OptionError("--from is missing: a time such as 2026-01-31T12:00:00Z, or offsets")
        start = _parse("--from", Start.parse, given.start)
        stop = _parse("--to", Stop.parse, given.stop)
        _require_order(start, stop, given.start, given.stop)
        request = cls(
            topics,
            start,
            stop,
            (given.start.strip(), given.stop.strip()),
            given.run,
            share=_parse("--sample", share_of, given.sample),
            choice=_choice(given),
            budget=_parse("--budget", _requests, given.budget) if given.budget else None,
            gpu=given.gpu,
            partial=given.accept_loss,
            yes=given.yes,
            dry_run=given.dry_run,
        )
        return request, [
            *_TOPICS,
            *others,
            f"--topics={','.join(topics)}",
            "--start=earliest",
            "--stop=latest",
            "--mode=replay",
            "--group=none",
            f"--run={given.run}",
            *(["--accept-loss"] if given.accept_loss else []),
        ]


def _renamed(argv: Sequence[str]) -> list[str]:
    named = [each.partition("=") for each in Arguments.of(argv).argv]
    return [f"{_OLD.get(name, name)}{equals}{value}" for name, equals, value in named]


def own_parser() -> argparse.ArgumentParser:
    """Return the parser of a replay's own options."""
    parser = argparse.ArgumentParser(
        prog="weir replay", add_help=False, allow_abbrev=False, formatter_class=Whole
    )
    group = parser.add_argument_group("What is replayed")
    group.add_argument("--topics", metavar="T,...", help="topics to read")
    group.add_argument(
        "--from",
        dest="start",
        metavar="A",
        help='the first message: an ISO 8601 time, offsets such as {"0": 120}, or earliest',
    )
    group.add_argument(
        "--to",
        dest="stop",
        default="latest",
        metavar="B",
        help="the first message that is left out: as above, or latest, the end as it stands now "
        "(default)",
    )
    group.add_argument(
        "--run",
        metavar="NAME",
        help="stands on every row. The same name again goes on where it stopped; another policy, "
        "screen, slice or sample needs another name",
    )
    group.add_argument(
        "--accept-loss",
        action="store_true",
        help="go on with what retention has left of the slice",
    )
    group = parser.add_argument_group(
        "Which posts of it",
        "All of these may be combined; every verdict carries the chance that its post had.",
    )
    group.add_argument(
        "--sample", default="100%", metavar="1%", help="a share of the posts, by a hash of their id"
    )
    group.add_argument(
        "--only-escalated",
        action="store_true",
        help="posts that an earlier run (--of) escalated",
    )
    group.add_argument("--of", default=_LIVE, metavar="RUN", help="that run (default: live)")
    group.add_argument(
        "--only-judged-by",
        metavar="VERSION",
        help="posts that a version of a policy judged, in any run; weir policy list has those in "
        "force",
    )
    group.add_argument(
        "--select",
        metavar="FILE.sql",
        help="posts whose ids a query of yours returns, in one column; the dataset is its default, "
        "so that FROM labels is enough. It has to return the same ids when the replay goes on",
    )
    group.add_argument(
        "--select-max-gb",
        type=float,
        default=10.0,
        metavar="GB",
        help="what the queries that choose posts may read, at most (default: 10)",
    )
    group = parser.add_argument_group("What it may cost")
    group.add_argument(
        "--budget",
        metavar="N",
        help="judge requests in all, of each worker process; what is over it is spread over the "
        "slice, and waits on --deferred-topic",
    )
    group.add_argument(
        "--gpu", default="h100", choices=["h100"], help="the card that the forecast is for"
    )
    group.add_argument("--dry-run", action="store_true", help="say what it will take, and end")
    group.add_argument(
        "--yes", "-y", action="store_true", help="start without asking, as without a terminal"
    )
    return parser


def share_of(text: str) -> float:
    """Return a share of posts from ``1%`` or ``0.01``; ValueError where it is none."""
    allowed = "give a share of the posts such as 1% or 0.01"
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError as error:
        raise ValueError(allowed) from error
    share = number / 100 if text.strip().endswith("%") else number
    if not 0 < share <= 1:
        raise ValueError(allowed)
    return share


def _requests(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ValueError("give a whole number of judge requests, 1 or more")
    return int(text)


def _choice(given: argparse.Namespace) -> Choice:
    if not 0 < given.select_max_gb < 1 << 20:
        raise OptionError(f"--select-max-gb is {given.select_max_gb}; give gigabytes above 0")
    return Choice(
        escalated_by=given.of if given.only_escalated else None,
        judged_by=given.only_judged_by,
        query=_query(Path(given.select)) if given.select else None,
        max_bytes=int(given.select_max_gb * (1 << 30)),
    )


def _query(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--select {file} cannot be read: {type(error).__name__}") from error


def _require_order(start: Start, stop: Stop, *written: str) -> None:
    if stop.at == "never":
        raise OptionError("--to never has no end; give latest, a time or offsets")
    if start.at == "latest":
        raise OptionError("--from latest leaves nothing to replay; give a time or offsets")
    # Two times, or two of the same partition's offsets: others can only be told by the broker.
    backwards = False
    match start.at, stop.at:
        case dict() as first, dict() as last:
            backwards = any(first[p] >= last[p] for p in first.keys() & last.keys())
        case str() | dict(), _:
            pass
        case _, str() | dict():
            pass
        case first, last:
            backwards = first >= last  # type: ignore[operator]  # both are of one kind by now
    if backwards:
        raise OptionError(f"--from {written[0]} is not before --to {written[1]}")


def _parse(option: str, parse: Callable[[str], T], value: str) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise OptionError(f"{option} {value!r}: {error}") from error
