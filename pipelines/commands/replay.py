"""``weir replay``: from what was asked for to a job that decides what is left of it."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from weir.pipelines.bigquery.tables import check_tables
from weir.pipelines.errors import report_errors
from weir.pipelines.job.moderate import JSON, prepare, run_to_end
from weir.pipelines.options.arguments import add_help
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.job import CONCERNS
from weir.pipelines.replay.configuration import Configuration, find_replay, record
from weir.pipelines.replay.content_ids import selection
from weir.pipelines.replay.forecast import Forecast, forecast
from weir.pipelines.replay.history import find_history, still_there
from weir.pipelines.replay.measurements import judge_before, measure_sample
from weir.pipelines.replay.options import NOT_OF_FILE, NOT_TAKEN, Request, own_parser
from weir.pipelines.replay.progress_line import (
    CountedThere,
    counted_here,
    seldom,
    show_progress,
)
from weir.pipelines.replay.resume import Before, before
from weir.pipelines.runners import job_options
from weir.pipelines.settings import ModerationSettings
from weir.transforms.counts import Counts
from weir.transforms.judge.budget import Budget
from weir.transforms.kafka.settings import ensure_topics
from weir.transforms.read import check_source
from weir.transforms.read.find_slices import Slice
from weir.transforms.select import Replayed

Confirm = Callable[[], bool]
Say = Callable[[str], None]


def replay(argv: Sequence[str], say: Say, confirm: Confirm) -> Counts | None:
    """Check what is asked for, say what it will take, and do what is left of it.

    Returns the counts; None where nothing is left, ``confirm`` declines or only the forecast was
    asked for. Raises OptionError, SourceError, EndpointError or TablesError before anything starts.
    """
    plan = Plan.of(argv, say)
    if not plan.replayed.slices:
        say(f"{plan.request.run} is finished: every post of its slice is decided.")
        return None
    expected = plan.forecast(say)
    for each in [*plan.lines(), *expected.lines()]:
        say(each)
    if plan.request.dry_run or not (plan.request.yes or confirm()):
        return None
    return plan.do(expected)


@dataclass(frozen=True)
class Plan:
    """A replay that is ready to start."""

    request: Request
    options: PipelineOptions
    settings: ModerationSettings
    configuration: Configuration
    replayed: Replayed
    earlier: Before  # what other attempts have left behind

    @classmethod
    def of(cls, argv: Sequence[str], say: Say = lambda _: None) -> "Plan":
        """Return the plan, and say meanwhile what it waits for.

        OptionError, SourceError or TablesError say why there can be none.
        """
        request, arguments = Request.parse(Arguments.of(argv).with_file(NOT_OF_FILE).argv)
        options = job_options(arguments)
        settings = ModerationSettings.from_options(options)
        say("looking for the slice in its topics")
        check_source(settings.kafka, settings.topics)
        check_tables(settings.bigquery)
        known = find_replay(settings.bigquery, request.run)
        # The end of a topic goes on: the offsets are those of the first attempt.
        whole = known.slices if known else _found(settings, request)
        chosen = selection(settings.bigquery, request.choice, request.share, whole)
        say("making the screen ready for these policies")
        settings = prepare(replace(settings, replay=Replayed(whole, whole, chosen)))
        chosen = replace(chosen, salt=settings.salt)
        configuration = Configuration.of(request, settings, chosen)
        if known is not None:
            known.require(request.run, configuration)
        say("asking what is decided of it already")
        earlier = before(settings.bigquery, request.run)
        replayed = Replayed.of(whole, chosen, earlier.decided)
        if known is not None and replayed.slices:
            there = still_there(settings.kafka, replayed.slices).complete(partial=request.partial)
            replayed = replace(replayed, slices=there.slices)
        return cls(request, options, settings, configuration, replayed, earlier)

    def forecast(self, say: Say = lambda _: None) -> Forecast:
        """Return what it will take, and say how many posts it looked at for that so far."""
        ids = self.replayed.selection.ids
        say("reading posts of the slice, to see what the screen makes of them")

        def screened(posts: int) -> None:
            say(f"{posts:,} posts of the slice read so far")

        return forecast(
            self.replayed.undecided,
            self.request.share,
            None if ids is None else len(ids),
            measure_sample(self.settings, self.replayed.slices, seldom(screened)),
            judge_before(
                self.settings.bigquery,
                self.settings.said.judge.engine,
                self.request.choice.max_bytes,
            ),
            None
            if self.request.budget is None
            else max(0, self.request.budget - self.earlier.requests),
            waiting=self.earlier.waiting,
            owed=self.earlier.owed,
        )

    def lines(self) -> list[str]:
        """Return what is to be done, for a person to read."""
        decided = sum(self.replayed.decided.within(each) for each in self.replayed.whole)
        offsets = sum(each.stop - each.start for each in self.replayed.whole)
        partitions = len({each[:2] for each in self.replayed.whole})
        lines = [f"replay {self.request.run}: {offsets:,} offsets of {partitions} partitions"]
        if decided:
            lines.append(f"{decided:,} of them are decided already, and are left as they are")
        return lines

    def do(self, expected: Forecast) -> Counts:
        """Run the job over what is left, and return its counts."""
        settings = replace(
            self.settings,
            replay=self.replayed,
            budget=limit_budget(self.settings.budget, expected),
        )
        ensure_topics(settings.kafka, settings.topics_written)
        record(settings.bigquery, self.request.run, self.configuration, self.replayed.whole)
        here = settings.place.one_process
        done = counted_here if here else CountedThere(settings.bigquery, self.request.run)
        # What is counted here is every message; what is stored is what was selected.
        total = self.replayed.offsets if here else expected.posts
        with show_progress(total, done):
            return run_to_end(self.options, settings)


def limit_budget(budget: Budget, expected: Forecast) -> Budget:
    """Return a budget that also ends where the forecast's does.

    What is over it is spread over the slice, so that the end of it is judged as well.
    """
    if expected.budget is None:
        return budget
    share = expected.judged / expected.escalations if expected.escalations else 1.0
    if share < 1:
        budget = replace(budget, share=min(share, 1.0 if budget.share is None else budget.share))
    return replace(budget, requests=expected.budget)


def _found(settings: ModerationSettings, request: Request) -> tuple[Slice, ...]:
    return find_history(settings.kafka, request).complete(partial=request.partial).slices


_USAGE = """weir replay --topics T --from A --to B --run NAME [options]

  One day under a changed policy:
      weir replay --topics posts --from 2026-01-30 --to 2026-01-31 --run stricter-spam \\
        --policies drafts/ --brokers kafka-1:9092 --bigquery-project my-project
  A hundredth of a month, with what it would cost first:
      weir replay --topics posts --from 2026-01-01 --to 2026-02-01 --run january \\
        --sample 1%% --budget 20000 ...
  Only what the live job had escalated:
      weir replay --topics posts --from 2026-01-30 --run second-look --only-escalated ...

Decides a slice of history anew, as weir run would have: rows carry the mode replay and the
run's name, so that no live view sees them, and nothing reaches the flagged topic. Started
again under the same name it goes on where it was stopped or killed. Exit code 2, with a
sentence, where it cannot start.
"""


def help_text() -> str:
    """Return what the options mean: its own, and those that it takes from the job."""
    parser = own_parser()
    parser.usage = _USAGE
    add_help(parser, CONCERNS, NOT_TAKEN)
    return parser.format_help()


def main(argv: Sequence[str]) -> int:
    """Run a replay as a command; return the exit code."""
    if "--help" in argv or "-h" in argv:
        print(help_text())  # noqa: T201 - the answer to --help
        return 0
    as_json, argv = JSON in argv, [each for each in argv if each != JSON]
    with report_errors():
        counts = replay(argv, _say, _confirmed)
    if counts is None:
        return 0
    print(json.dumps(counts.to_json()) if as_json else counts)  # noqa: T201 - the command's result
    return 1 if counts.failed else 0


def _say(line: str) -> None:
    sys.stderr.write(f"weir: {line}\n")


def _confirmed() -> bool:
    """Ask whether to start; nobody is asked where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return Console(stderr=True).input("start? [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
