"""What a sampled post went through, as spans for OpenTelemetry: times and ids, never content."""

from weir.transforms.traces.recorder import Recorder, TraceSettings

__all__ = ["Recorder", "TraceSettings"]
