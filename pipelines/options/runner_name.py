"""The runners by the names that people write, and Beam's class for each."""

from weir.pipelines.errors import OptionError, nearest

# Beam's own default looks for a runner binary on the network before it falls back to this one.
IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

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


def runner_class(name: str) -> str:
    """Return Beam's name of a runner; a path to one's own, which has dots, is left as it is.

    OptionError where no runner has this name.
    """
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
