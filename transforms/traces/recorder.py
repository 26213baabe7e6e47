"""Where spans go: a collector that takes OTLP over HTTP. OpenTelemetry's SDK sends in batches.

It is an extra, ``weir-moderation[traces]``. What the collector does not take is lost, and a job
neither waits for it nor fails by it.
"""

import atexit
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa

from weir.transforms.traces.spans import (
    TRACED,
    Context,
    Span,
    sampled,
    screen_spans,
    stored_spans,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TraceSettings:
    """Where spans are sent, and of which share of the posts."""

    endpoint: str  # http://collector:4318/v1/traces
    share: float

    def screened(self, content: pa.RecordBatch, run: str, began: int) -> None:
        """Tell of a batch of CONTENT that was screened between ``began`` (ns) and now."""
        ended = time.time_ns()
        recorder(self.endpoint).record(screen_spans(content, self.share, run, began, ended))

    def sample(self, rows: pa.RecordBatch, table: str) -> pa.RecordBatch | None:
        """Return what ``stored`` needs of the sampled rows of a table; None where it has no spans.

        It is little, and may be kept until a bundle ends.
        """
        if table not in TRACED:
            return None
        return rows.select(TRACED[table]).take(pa.array(sampled(rows, self.share)))

    def stored(self, samples: Iterable[pa.RecordBatch], table: str) -> None:
        """Tell of samples of a table whose rows BigQuery has acknowledged."""
        now = time.time_ns()
        for rows in samples:
            recorder(self.endpoint).record(stored_spans(rows, table, now))


class Recorder:
    """Hands spans to a processor of OpenTelemetry, which sends them from a thread of its own."""

    def __init__(self, processor: Any) -> None:
        from opentelemetry.sdk.resources import Resource

        self._processor = processor
        self._resource = Resource.create({"service.name": "weir"})

    def shutdown(self) -> None:
        """Send what waits, and take no more."""
        self._processor.shutdown()

    def record(self, spans: Iterable[Span]) -> None:
        """Take spans; those that do not fit OpenTelemetry's queue are lost."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Link

        for span in spans:
            self._processor.on_end(
                ReadableSpan(
                    span.name,
                    context=_context(span.context),
                    parent=_context(span.parent) if span.parent else None,
                    resource=self._resource,
                    attributes=span.attributes,
                    links=[Link(_context(span.link))] if span.link else [],
                    start_time=span.start,
                    end_time=span.end,
                )
            )


class _Nowhere:
    """The recorder of a worker without the extra."""

    def record(self, spans: Iterable[Span]) -> None: ...
    def shutdown(self) -> None: ...


@cache
def recorder(endpoint: str) -> "Recorder | _Nowhere":
    """Return the process's recorder for an endpoint."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _LOG.warning("no traces: this worker lacks weir-moderation[traces]")
        return _Nowhere()
    made = Recorder(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    atexit.register(made.shutdown)
    return made


def _context(place: Context) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        place.trace_id, place.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
