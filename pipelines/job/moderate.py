"""The moderation job: ``python -m weir.pipelines.job.moderate``, with any Beam runner's options."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState
from rich.console import Console

from weir.pipelines.bigquery.errors import explain_errors
from weir.pipelines.bigquery.tables import check_tables
from weir.pipelines.errors import report_errors
from weir.pipelines.job.graph import moderate, on_lanes
from weir.pipelines.job.progress import commit_ends, ends_of, progress_committed, resume
from weir.pipelines.job.provenance import draw_salt, record_decider, record_run
from weir.pipelines.job.stopping import drained_on_signals
from weir.pipelines.job.teaching import taught_on_schedule, with_taught_screens
from weir.pipelines.job.unread import explain_end, explain_unread
from weir.pipelines.monitoring.watching import watched
from weir.pipelines.options.arguments import Whole, add_help
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.job import CONCERNS
from weir.pipelines.runners import (
    IN_PROCESS,
    cancel_of,
    job_options,
    runs_in_process,
    runs_on_prism,
    wait,
)
from weir.pipelines.runners.in_process import add_up_at_once, tether_workers
from weir.pipelines.runners.ports import serve_on_loopback
from weir.pipelines.screening.cold_start import cold_started
from weir.pipelines.screening.stream_thresholds import start_thresholds
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.registry import flagged_form, registry_settings
from weir.pipelines.settings.teaching import with_teaching
from weir.transforms.counts import Counts, counts_here, counts_of
from weir.transforms.kafka.settings import ensure_topics, with_cluster_id
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.draining import STOPPING
from weir.transforms.read import check_source
from weir.transforms.registry import check_registry

JSON = "--json"


def run(argv: Sequence[str]) -> Counts:
    """Check the options and what they name, run the job to its end, and return its counts.

    Raises OptionError, EndpointError, SourceError or TablesError before anything starts.
    """
    options = job_options(Arguments.of(argv).with_file().argv)
    settings = with_teaching(ModerationSettings.from_options(options))
    if settings.topics == (settings.shape.escalation_topic,):  # whichever job starts first
        check_source(settings.kafka, ())
        ensure_topics(settings.kafka, settings.topics)
    check_source(settings.kafka, settings.topics)
    settings = resume(settings)
    check_source(settings.kafka, settings.topics, settings.progress.start, settings.stop)
    ensure_topics(settings.kafka, settings.topics_written)
    check_tables(settings.bigquery)
    registry = registry_settings(settings.said.registry)
    if registry is not None:
        check_registry(registry)
        settings = replace(settings, form=flagged_form(settings.said.topics, registry))
    return run_to_end(options, prepare(settings))


def prepare(settings: ModerationSettings) -> ModerationSettings:
    """Return checked settings with what a job learns before it starts.

    The secret of its draws, heads for policies without one, and where thresholds begin.
    """
    with explain_errors(settings.bigquery):
        settings = replace(settings, salt=draw_salt(settings.bigquery))
    return start_thresholds(cold_started(with_taught_screens(settings)))


def run_to_end(options: PipelineOptions, settings: ModerationSettings) -> Counts:
    """Run the job that is prepared to its end, record what it was, and return its counts."""
    settings = replace(settings, kafka=with_cluster_id(settings.kafka))
    with explain_errors(settings.bigquery):
        record_decider(settings)
    ends = ends_of(settings)
    began, cancel, prism = (
        time.time(),
        cancel_of(options, settings.said.stopping.drain_seconds),
        runs_on_prism(options),
    )
    with taught_on_schedule(settings), _followed(settings) as on_launched:
        result = launch(options, settings)
        on_launched()
        state = result.wait_until_finish() if settings.place.one_process else wait(result, cancel)
        whole = state == PipelineState.DONE and not STOPPING.is_set()
        counts = counts_here() if prism else counts_of(result)
    record_run(settings, counts, began)
    for said in (*explain_end(settings, counts), explain_unread(settings, counts)):
        if said:
            sys.stderr.write(f"weir: {said}\n")
    if whole and not counts.imbalances():
        commit_ends(settings, ends)
    return counts


@contextmanager
def _followed(settings: ModerationSettings) -> Iterator[Callable[[], None]]:
    """Commit progress, drain on signals and publish numbers, where all is in this process.

    Gives what is to be called when the job has been launched.
    """
    if not settings.place.one_process:
        yield lambda: None
        return
    with (
        watched(settings.said.watching, settings.run, settings.bigquery.place),
        progress_committed(settings),
        _escalations_bounded(settings),
        drained_on_signals(settings.said.stopping.drain_seconds) as take_over,
    ):
        yield take_over


@contextmanager
def _escalations_bounded(settings: ModerationSettings) -> Iterator[None]:
    if not (on_lanes(settings) and settings.stages.judges):
        yield
        return
    WAITING.start(settings.said.runner.waiting_bytes)
    try:
        yield
    finally:
        WAITING.stop()


def launch(options: PipelineOptions, settings: ModerationSettings) -> Any:
    """Start the graph on the runner that the options name; in this process where they name none."""
    runner = options.view_as(StandardOptions).runner or IN_PROCESS
    serve_on_loopback()
    if runs_in_process(options):
        add_up_at_once()
        tether_workers()
    pipeline = beam.Pipeline(
        runner=IN_PROCESS if runner == "FnApiRunner" else runner, options=options
    )
    moderate(pipeline, settings)
    return pipeline.run()


def help_text() -> str:
    """Return what the job's own options mean, group by group."""
    parser = argparse.ArgumentParser(add_help=False, usage=_USAGE, formatter_class=Whole)
    add_help(parser, CONCERNS)
    return parser.format_help()


_USAGE = """weir run --brokers HOST:PORT --topics T --bigquery-project P [options]

       weir run --stages screen ...      one half of the work, and
       weir run --stages judge ...       the other, in jobs of their own
       weir run --source deferred ...    judge what was over an earlier budget

Moderates Kafka topics until --stop. --runner=prism, flink or dataflow go on for ever;
without one the job runs in this process, which suits bounded work (--stop=latest).
Every Beam option is passed on.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job as a command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--help" in arguments or "-h" in arguments:
        print(help_text())  # noqa: T201 - the answer to --help
        return 0
    as_json, arguments = JSON in arguments, [each for each in arguments if each != JSON]
    with report_errors(), Console(stderr=True).status("moderating; Ctrl-C stops"):
        counts = run(arguments)
    print(json.dumps(counts.to_json()) if as_json else counts)  # noqa: T201 - the command's result
    return 1 if counts.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
