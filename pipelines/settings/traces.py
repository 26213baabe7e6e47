"""Whether and where a job's posts are traced."""

from weir.pipelines.errors import require_extra
from weir.pipelines.options.running import WatchOptions
from weir.transforms.traces import TraceSettings


def trace_settings(said: WatchOptions) -> TraceSettings | None:
    """Return what was asked for; OptionError where the extra is not installed."""
    if said.traces_endpoint is None:
        return None
    modules = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter")
    require_extra("--traces-endpoint", *modules)
    return TraceSettings(said.traces_endpoint, said.traces_share)
