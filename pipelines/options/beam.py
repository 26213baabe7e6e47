"""Weir's options as Beam's PipelineOptions carry them, beside its own and those of the runner."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from weir.pipelines.errors import OptionError, nearest
from weir.pipelines.options.arguments import add_options, spellings, texts_of
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


def require_known(options: PipelineOptions, *, every_option: bool) -> None:
    """Raise OptionError for an unknown option; Beam would leave it out without a word.

    A cluster's runner may have options that only its job server knows, so there an unknown one is
    refused only where it resembles one of Weir's.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for concern in {str(each): each for each in PipelineOptions.__subclasses__()}.values():
        concern._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(options._flags)
    ours = [spellings(each)[0] for each in OPTIONS.values()]
    for flag in unknown:
        name = flag.split("=")[0].replace("_", "-")
        hint = nearest(name, ours, "see weir run --help" if every_option else "", alike=0.8)
        if hint:
            raise OptionError(f"{name} is not an option: {hint}")
