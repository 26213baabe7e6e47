"""The numbers of this process for Prometheus, from the ``metrics`` extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weir.pipelines.errors import OptionError
from weir.transforms.process.live_numbers import BOUNDS_MS, LIVE, Histogram, Name, Snapshot

_PREFIX = "weir_"


@contextmanager
def serve(host: str, port: int | None) -> Iterator[None]:
    """Answer GET /metrics while the block runs; with no port do nothing.

    OptionError where the port cannot be had.
    """
    if port is None:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers())
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise OptionError(f"--metrics-port {host}:{port} cannot be had: {error}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Numbers:
    """A prometheus_client collector."""

    def collect(self) -> Iterator[Any]:
        return families(LIVE.snapshot())


def families(snapshot: Snapshot) -> Iterator[Any]:
    """Yield every number as a prometheus_client metric family; times are in seconds there."""
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    for name, counters in _by_name(snapshot.counters).items():
        counter = CounterMetricFamily(_PREFIX + name, _words(name), labels=_keys(counters))
        for labels, value in counters.items():
            counter.add_metric(_values(labels), value)
        yield counter
    for name, gauges in _by_name(snapshot.gauges).items():
        gauge = GaugeMetricFamily(_PREFIX + name, _words(name), labels=_keys(gauges))
        for labels, value in gauges.items():
            gauge.add_metric(_values(labels), value)
        yield gauge
    for name, histograms in _by_name(snapshot.histograms).items():
        unit = name.removesuffix("_ms") + "_seconds"
        family = HistogramMetricFamily(_PREFIX + unit, _words(unit), labels=_keys(histograms))
        for labels, histogram in histograms.items():
            family.add_metric(_values(labels), _buckets(histogram), histogram.total / 1000)
        yield family


def _words(name: str) -> str:
    return name.replace("_", " ")


def _by_name(numbers: dict[Name, Any]) -> dict[str, dict[Name, Any]]:
    grouped: dict[str, dict[Name, Any]] = {}
    for name, value in sorted(numbers.items(), key=lambda item: (item[0].name, item[0].labels)):
        grouped.setdefault(name.name, {})[name] = value
    return grouped


def _keys(numbers: dict[Name, Any]) -> list[str]:
    return [key for key, _ in next(iter(numbers)).labels]


def _values(name: Name) -> list[str]:
    return [value for _, value in name.labels]


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]
    total, buckets = 0, []
    for bound, count in zip(bounds, histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
