"""What a person says of the engine that runs the job, beside Beam's own options."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.resources import parse_resource_hints

from weir.pipelines.errors import OptionError


class RunnerOptions(PipelineOptions):
    """What runs the job."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Runner",
            "--runner=prism runs continuously on this machine, flink on this machine or on the "
            "cluster of --flink_master, dataflow on Google Cloud; without one the job runs in "
            "this process, which suits bounded work. What each needs is set; every Beam option "
            "overrules it.",
        )
        group.add_argument(
            "--checkpoints",
            metavar="URI",
            help="flink: folder of its checkpoints, which every machine of the cluster reaches "
            "(default: what the cluster says; below ~/.local/state/weir on this machine)",
        )
        group.add_argument(
            "--resume",
            action="store_true",
            help="flink: go on from the newest checkpoint or savepoint of this --run_name, below "
            "--checkpoints",
        )
        group.add_argument(
            "--open_ports",
            action="store_true",
            help="prism, flink: let Beam's servers listen on every interface, where this system "
            "cannot keep them on loopback: whoever reaches them runs code as you",
        )
        group.add_argument(
            "--judge_accelerator",
            metavar="HINT",
            help="dataflow: the card of the workers that judge, such as "
            "'type:nvidia-l4;count:1;install-nvidia-driver'",
        )
        group.add_argument(
            "--judge_min_ram", metavar="SIZE", help="dataflow: their memory, such as 32GB"
        )


def judge_hints(options: RunnerOptions) -> dict[str, str]:
    """Return Beam's resource hints of the step that judges; OptionError where one is unreadable."""
    hints = {"accelerator": options.judge_accelerator, "min_ram": options.judge_min_ram}
    given = {name: str(value) for name, value in hints.items() if value}
    try:
        parse_resource_hints(given)
    except ValueError as error:
        raise OptionError(f"--judge_accelerator or --judge_min_ram: {error}") from error
    return given
