"""Where the steps of a job run."""

from dataclasses import dataclass
from typing import Self

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.runners import runs_in_process, runs_on_prism, several_processes


@dataclass(frozen=True)
class Place:
    """Where the steps of a job run."""

    one_process: bool  # every step in the process of the command
    # Beam's own runner gains nothing from breaking fusion, and would hold every escalation in
    # memory until the source ends.
    break_fusion: bool

    @classmethod
    def of(cls, options: PipelineOptions) -> Self:
        """Return where the runner of the options runs them."""
        in_process = runs_in_process(options)
        one_process = runs_on_prism(options) or (in_process and not several_processes(options))
        return cls(one_process, break_fusion=not in_process)
