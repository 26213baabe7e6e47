"""Whether and where a job's posts are traced."""

from importlib.util import find_spec

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.pipelines.options.running import WatchOptions
from weir.transforms.traces import TraceSettings


def trace_settings(said: WatchOptions) -> TraceSettings | None:
    """Return what was asked for; OptionError where the extra is not installed."""
    if said.traces_endpoint is None:
        return None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp") is None:
        raise OptionError(
            "--traces-endpoint needs OpenTelemetry, which is not installed. Install it with "
            f"{install_command('traces')}."
        )
    return TraceSettings(said.traces_endpoint, said.traces_share)
