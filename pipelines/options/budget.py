"""What the judge may cost: the options of its verdict cache and its budget."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.cache import DEFAULT_BYTES

_LIMITS = ("requests_per_second", "tokens_per_second", "share")
_SHADOW_LIMITS = ("requests_per_second", "share")


class SpendingOptions(PipelineOptions):
    """How often the judge may be asked."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Spending",
            "Equal posts are judged once. What is over a budget goes to --deferred_topic, least "
            "urgent first: lowest score, and audits last. Limits are for each worker process, and "
            "all that are given hold.",
        )
        group.add_argument(
            "--cache_mb",
            type=float,
            default=DEFAULT_BYTES / (1 << 20),
            help="memory for verdicts on equal posts, in each worker process; 0 turns it off",
        )
        group.add_argument(
            "--budget_requests_per_second", type=float, metavar="N", help="default: no limit"
        )
        group.add_argument(
            "--budget_tokens_per_second",
            type=float,
            metavar="N",
            help="prompt tokens not in the engine's prefix cache, and generated ones",
        )
        group.add_argument(
            "--budget_share", type=float, metavar="S", help="of the escalations, from 0 to 1"
        )
        group.add_argument(
            "--shadow_budget_requests_per_second",
            type=float,
            metavar="N",
            help="for policies in shadow alone, which take nothing from the budget of the others",
        )
        group.add_argument(
            "--shadow_budget_share",
            type=float,
            metavar="S",
            help="of the escalations of policies in shadow, from 0 to 1",
        )


def budget_of(options: SpendingOptions) -> Budget:
    """Return the budget; OptionError names an option that cannot be kept."""
    limits = {name: getattr(options, f"budget_{name}") for name in _LIMITS}
    try:
        return Budget(**limits)
    except ValueError as error:
        raise OptionError(f"--budget_{error}") from error


def shadow_budget_of(options: SpendingOptions) -> Budget:
    """Return the budget of policies in shadow; OptionError names an option that cannot be kept."""
    limits = {name: getattr(options, f"shadow_budget_{name}") for name in _SHADOW_LIMITS}
    try:
        return Budget(**limits)
    except ValueError as error:
        raise OptionError(f"--shadow_budget_{error}") from error


def cache_bytes_of(options: SpendingOptions) -> int:
    """Return the size of the verdict cache in bytes."""
    if not 0 <= options.cache_mb < 1 << 20:
        raise OptionError(f"--cache_mb is {options.cache_mb}; give megabytes, or 0 for none")
    return int(options.cache_mb * (1 << 20))
