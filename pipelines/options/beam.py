"""Weir's options as Beam's PipelineOptions carry them, beside its own and those of the runner."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from weir.pipelines.options.arguments import add_options, texts_of
from weir.pipelines.options.job import OPTIONS, JobOptions


class WeirOptions(PipelineOptions):
    """All options of a job, as texts; ``options_of`` makes values of them."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        add_options(parser, (each for each in OPTIONS.values() if not each.says.of_beam))


def options_of(options: PipelineOptions) -> JobOptions:
    """Return what was said of the job; OptionError names an option that is wrong."""
    texts = texts_of(
        options.view_as(WeirOptions).get_all_options(current_only=True), OPTIONS.values()
    )
    if runner := options.view_as(StandardOptions).runner:
        texts["runner"] = str(runner)
    return JobOptions.of(texts)
