"""From the name of a runner to pipeline options that are already right for it."""

from collections.abc import Callable, Sequence
from importlib import import_module

from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)

from weir.pipelines.errors import OptionError, nearest
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.running import RunnerOptions
from weir.pipelines.runners.dataflow import dataflow_defaults, require_dataflow
from weir.pipelines.runners.flink import FlinkJobOptions, flink_defaults
from weir.pipelines.runners.prism import prism_defaults

# Beam's own default looks for a runner binary on the network before it falls back to this one.
IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

Defaults = Callable[[Arguments], list[str]]

_NAMES = {
    "": IN_PROCESS,
    "direct": IN_PROCESS,
    "fnapi": IN_PROCESS,
    "prism": "PrismRunner",
    "flink": "FlinkRunner",
    "dataflow": "DataflowRunner",
    "portable": "PortableRunner",
}
# Beam has it, and would fetch a job server from the network before it fails.
_NOT_SUPPORTED = ("spark",)
_DEFAULTS: dict[str, Defaults] = {
    "PrismRunner": prism_defaults,
    "FlinkRunner": flink_defaults,
    "DataflowRunner": dataflow_defaults,
}
_PROGRAMS = ("--prism-location", "--job-server-java-launcher")


def job_options(argv: Sequence[str]) -> PipelineOptions:
    """Return the options of a job, with what its runner needs set wherever the user did not.

    Raises OptionError where the runner is unknown, is not there, or could not do the work.
    """
    arguments = Arguments.of(argv)
    runner = runner_class(arguments.value("--runner") or "")
    if "." in runner:
        _require_class(runner)
    if runner != "FlinkRunner":
        _refuse_flinks(arguments)
    defaults = _DEFAULTS[runner](arguments) if runner in _DEFAULTS else []
    if runner == "DataflowRunner":
        require_dataflow()
    if runner == "PortableRunner" and not arguments.has("--job-endpoint"):
        raise OptionError("--runner=portable needs --job-endpoint, the HOST:PORT of a job server")
    for program in _PROGRAMS:  # the defaults name what keeps them on loopback
        arguments = arguments.without(program)
    chosen = arguments.without("--runner").after([f"--runner={runner}", *defaults])
    return PipelineOptions(chosen.for_beam)


def _require_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    try:
        found = hasattr(import_module(module), name)
    except (ImportError, ValueError, TypeError):  # of a path that is none
        found = False
    if not found:
        raise OptionError(f"--runner {path!r} is no class of Python's that can be imported")


def _refuse_flinks(arguments: Arguments) -> None:
    for option in ("--resume", "--supervised", "--checkpoints"):
        if arguments.has(option):
            raise OptionError(
                f"{option} is for --runner=flink; elsewhere a job goes on where its --run was"
            )


def runs_in_process(options: PipelineOptions) -> bool:
    """Return whether the job runs in this process, to its end."""
    runner = options.view_as(StandardOptions).runner or ""
    return runner in (IN_PROCESS, "", "DirectRunner", "FnApiRunner")


def runs_on_prism(options: PipelineOptions) -> bool:
    """Return whether Prism runs the job; ask before it starts, as Beam then forgets it."""
    return str(options.view_as(StandardOptions).runner) == "PrismRunner"


def several_processes(options: PipelineOptions) -> bool:
    """Return whether Beam's own runner is to use worker processes beside this one."""
    direct = options.view_as(DirectOptions)
    return bool(direct.direct_running_mode == "multi_processing" and direct.direct_num_workers != 1)


def restores(options: PipelineOptions, said: RunnerOptions) -> bool:
    """Return whether the runner itself keeps how far an earlier job had got, and goes on there."""
    flink, cloud = options.view_as(FlinkJobOptions), options.view_as(GoogleCloudOptions)
    return bool(said.resume or flink.savepoint_path or cloud.update)


def runner_class(name: str) -> str:
    """Return Beam's name of a runner; a path to one's own, which has dots, is left as it is."""
    if "." in name and not name.startswith("apache_beam."):
        return name
    short = name.rpartition(".")[2].lower().removesuffix("runner")
    if short in _NOT_SUPPORTED:
        raise OptionError(
            f"--runner={name} is not supported: Weir is run on prism, flink and dataflow, and in "
            "process."
        )
    if short in _NAMES:
        return _NAMES[short]
    known = [each for each in _NAMES if each]
    hint = nearest(short, known, f"there are {', '.join(known)}")
    raise OptionError(f"--runner {name!r} is unknown: {hint}")
