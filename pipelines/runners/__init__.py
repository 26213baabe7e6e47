"""Which engine runs the job, and the options that each of them needs and nobody should look up."""

from weir.pipelines.options.runner_name import IN_PROCESS
from weir.pipelines.runners.choice import (
    job_options,
    require_known,
    require_suited,
    restores,
    runs_in_process,
    runs_on_prism,
    several_processes,
)
from weir.pipelines.runners.ending import cancel_of, wait

__all__ = [
    "IN_PROCESS",
    "cancel_of",
    "job_options",
    "require_known",
    "require_suited",
    "restores",
    "runs_in_process",
    "runs_on_prism",
    "several_processes",
    "wait",
]
