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
from weir.pipelines.options.arguments import Parser
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.job import OPTIONS, read
from weir.pipelines.options.runner_name import IN_PROCESS, runner_class
from weir.pipelines.options.running import RunnerOptions
from weir.pipelines.runners.dataflow import (
    dataflow_defaults,
    require_dataflow,
    require_dataflows_options,
)
from weir.pipelines.runners.flink import FlinkJobOptions, flink_defaults, require_flinks_options
from weir.pipelines.runners.prism import prism_defaults

Defaults = Callable[[Arguments], list[str]]

_DEFAULTS: dict[str, Defaults] = {
    "PrismRunner": prism_defaults,
    "FlinkRunner": flink_defaults,
    "DataflowRunner": dataflow_defaults,
}
# How like a known name one is that is taken for it misspelt. Beam has hundreds, and a job server's
# own are often a word longer than one of them.
_OURS, _BEAMS = 0.8, 0.92
_PROGRAMS = ("--prism-location", "--job-server-java-launcher")


def job_options(argv: Sequence[str]) -> PipelineOptions:
    """Return the options of a job, with what its runner needs set wherever the user did not.

    Raises OptionError where the runner is unknown, is not there, or could not do the work.
    """
    arguments = Arguments.of(argv)
    runner = runner_class(arguments.value("--runner") or "")
    if "." in runner:
        _require_class(runner)
    require_known(read(arguments.argv)[1], runner)
    require_suited(arguments, runner)
    defaults = _DEFAULTS[runner](arguments) if runner in _DEFAULTS else []
    if runner == "DataflowRunner":
        require_dataflow()
    for program in _PROGRAMS:  # the defaults name what keeps them on loopback
        arguments = arguments.without(program)
    chosen = arguments.without("--runner").after([f"--runner={runner}", *defaults])
    return PipelineOptions(chosen.for_beam)


def require_suited(arguments: Arguments, runner: str) -> None:
    """Raise OptionError where what is said does not suit the runner, of which nothing is asked."""
    if runner == "FlinkRunner":
        require_flinks_options(arguments)
    else:
        _refuse_flinks(arguments)
    if runner == "DataflowRunner":
        require_dataflows_options(arguments)
    if runner == "PortableRunner" and not arguments.has("--job-endpoint"):
        raise OptionError("--runner=portable needs --job-endpoint, the HOST:PORT of a job server")


def require_known(
    others: Sequence[str],
    runner: str,
    own: Sequence[str] = (),
    helps: str = "weir run --help",
) -> None:
    """Raise OptionError where one of these is no option of Beam's either, or no value of one.

    Beam would leave out the one without a word, and print two hundred lines for the other. A
    cluster's runner may have options that only its job server knows, so there an unknown one is
    refused only where it resembles one that is known. ``own`` are the flags that the command has
    beside those of a job, and ``helps`` is what prints all of them.
    """
    parser = Parser(add_help=False, allow_abbrev=False)
    for concern in {str(each): each for each in PipelineOptions.__subclasses__()}.values():
        concern._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(Arguments.of(others).for_beam)
    ours = [*own, *(each.flag for each in OPTIONS.values())]
    beams = [each.replace("_", "-") for each in parser._option_string_actions]
    way_out = f"see {helps}" if runner in (IN_PROCESS, "PrismRunner") else ""
    for flag in unknown:
        name = flag.split("=")[0].replace("_", "-")
        hint = nearest(name, ours, nearest(name, beams, way_out, alike=_BEAMS), alike=_OURS)
        if hint:
            raise OptionError(f"{name} is not an option: {hint}")


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
