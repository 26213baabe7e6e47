"""The moderation job: ``python -m pipelines.moderate --help``, with any Beam runner's options."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from pipelines.failures import reported
from pipelines.graph import moderate
from pipelines.options import CONCERNS, ModerationSettings
from pipelines.provenance import record_decider
from pipelines.tables import check_tables
from transforms.counts import Counts, counts_of
from transforms.kafka import ensure_topics
from transforms.read import check_source

IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def run(argv: Sequence[str]) -> Counts:
    """Check the options and what they name, run the job to its end, and return its counts.

    Raises OptionError, EndpointError, SourceError or TablesError before anything starts.
    """
    options = PipelineOptions(list(argv))
    settings = ModerationSettings.from_options(options)
    check_source(settings.kafka, settings.topics, settings.start, settings.stop)
    ensure_topics(settings.kafka, [settings.flagged_topic, settings.dead_letter_topic])
    check_tables(settings.bigquery)
    record_decider(settings)
    result = launch(options, settings)
    result.wait_until_finish()
    return counts_of(result)


def launch(options: PipelineOptions, settings: ModerationSettings) -> Any:
    """Start the graph on the runner that the options name; in this process where they name none."""
    # Beam's own default looks for a runner binary on the network before it falls back to this one.
    runner = options.view_as(StandardOptions).runner or IN_PROCESS
    pipeline = beam.Pipeline(
        runner=IN_PROCESS if runner == "FnApiRunner" else runner, options=options
    )
    moderate(pipeline, settings)
    return pipeline.run()


def help_text() -> str:
    """Return what the job's own options mean, group by group."""
    parser = argparse.ArgumentParser(prog="weir run", add_help=False, usage=_USAGE)
    for concern in CONCERNS:
        concern._add_argparse_args(parser)
    return parser.format_help()


_USAGE = """weir run --brokers HOST:PORT --topics T --bigquery_project P [options]

Moderates Kafka topics until --stop. Every Beam runner option is passed on, such as
--runner=DataflowRunner; without --runner the job runs in this process, which suits
bounded work (--stop=latest).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job as a command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--help" in arguments or "-h" in arguments:
        print(help_text())  # noqa: T201 - the answer to --help
        return 0
    with reported():
        counts = run(arguments)
        problems = counts.imbalances()
        print(f"conservation: {'; '.join(problems) or 'ok'}")  # noqa: T201 - the command's result
        return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
