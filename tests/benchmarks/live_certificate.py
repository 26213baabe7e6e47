"""How often the live certificate is right at every look, and how much it promises.

``python -m tests.benchmarks.live_certificate [--streams N] [--json FILE]``: simulated streams with
a known number of missed violations, looked at after every batch. Beside the certificate stands the
exact one-sided bound for one look, which does not hold at all of them.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from weir.transforms.screen.live_certificate import CONFIDENCE, missed_at_most

LOOKS = 100
WINDOW = 28  # looks, where the period moves along


@dataclass(frozen=True)
class Stream:
    """Violations a batch on average, and what the screen and the audit make of them.

    ``rates`` are the audit's for equal parts of what was missed. The recall goes from the first to
    the last number in a straight line.
    """

    name: str
    violations: float
    recall: tuple[float, float]
    rates: tuple[float, ...]


STREAMS = (
    Stream("steady", 200, (0.9, 0.9), (0.01,)),
    Stream("few violations", 5, (0.9, 0.9), (0.05,)),
    Stream("nothing missed at first", 50, (1.0, 0.8), (0.05,)),
    Stream("a screen that fails", 200, (0.98, 0.5), (0.01,)),
    Stream("a closer look at some", 200, (0.9, 0.9), (0.01, 0.05, 0.2)),
    Stream("half audited", 20, (0.8, 0.8), (0.5,)),
)


@dataclass(frozen=True)
class Held:
    """The shares of streams in which a bound held at every look, and the recall at the last."""

    stream: Stream
    certificate: float
    one_look: float  # the exact bound for one look, at every look; of audits of one rate
    moving: float  # the certificate of the last WINDOW batches, at every look
    recall: float  # median, true
    promised: float  # median, by the certificate


def held(stream: Stream, streams: int, seed: int = 1) -> Held:
    """Simulate streams and look at each after every batch."""
    random = np.random.default_rng(seed)
    violations = random.poisson(stream.violations, (streams, LOOKS))
    recall = np.broadcast_to(np.linspace(*stream.recall, LOOKS), violations.shape)
    caught = random.binomial(violations, recall)
    parts = len(stream.rates)
    missed = random.multinomial(violations - caught, [1 / parts] * parts)
    seen = random.binomial(missed, stream.rates)
    true, known, found = (np.cumsum(each, 1) for each in (missed.sum(-1), seen, caught))
    bounds = missed_at_most(known, stream.rates)
    one_look = chi2.ppf(CONFIDENCE, 2 * known.sum(-1) + 2) / 2 / min(stream.rates)
    return Held(
        stream,
        _at_every_look(true, bounds),
        _at_every_look(true, one_look),
        _at_every_look(_last(true), missed_at_most(_last(known), stream.rates)),
        float(np.median(found[:, -1] / (found + true)[:, -1])),
        float(np.median(found[:, -1] / (found[:, -1] + np.floor(bounds[:, -1])))),
    )


def _at_every_look(true: npt.NDArray[np.int64], bounds: npt.NDArray[np.float64]) -> float:
    return float(np.mean((true <= bounds).all(1)))


def _last(sums: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return what was summed up in the last WINDOW batches at each look."""
    before = np.zeros_like(sums)
    before[:, WINDOW:] = sums[:, :-WINDOW]
    return sums - before


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate, print a table, and write it as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    found = [held(stream, options.streams) for stream in STREAMS]
    print(
        f"right at each of {LOOKS} looks, of {options.streams:,} streams; moving: of the last "
        f"{WINDOW} batches"
    )
    print(
        f"{'':24} {'certificate':>11} {'one look':>9} {'moving':>7} {'recall':>7} {'promised':>9}"
    )
    for each in found:
        print(
            f"{each.stream.name:24} {each.certificate:11.3f} {each.one_look:9.3f} "
            f"{each.moving:7.3f} {each.recall:7.3f} {each.promised:9.3f}"
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
