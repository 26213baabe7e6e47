"""A number twice: a Beam metric, which a retried bundle counts once, and live in this process."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from apache_beam.metrics import Metrics

from weir.transforms.process.live_numbers import LIVE, Name

NAMESPACE = "weir"


@dataclass(frozen=True)
class Counter:
    """A Beam counter, and the same number live."""

    counter: Any
    name: Name

    def inc(self, amount: int = 1) -> None:
        """Add to both."""
        self.counter.inc(amount)
        LIVE.add(self.name, amount)


@dataclass(frozen=True)
class Gauge:
    """A Beam gauge, of whole numbers, and the same number live."""

    gauge: Any
    name: Name

    def set(self, value: float) -> None:
        """Set both."""
        self.gauge.set(round(value))
        LIVE.set(self.name, value)


@dataclass(frozen=True)
class Milliseconds:
    """A Beam distribution of whole milliseconds, and a live histogram."""

    distribution: Any
    name: Name

    def update(self, value: float) -> None:
        """Add one value to both."""
        self.distribution.update(round(value))
        LIVE.observe(self.name, [value])

    def update_all(self, values: npt.NDArray[np.float64]) -> None:
        """Add values; of them Beam's distribution gets the longest alone: it takes one by one."""
        if len(values):
            self.distribution.update(round(float(values.max())))
            LIVE.observe(self.name, values)


def gauge(name: str) -> Gauge:
    """Return the gauge of how something stands in this process."""
    return Gauge(Metrics.gauge(NAMESPACE, name), Name(name))
