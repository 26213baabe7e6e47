"""How often the audit is right: streams with a known miss rate, and what is estimated of them.

``python -m tests.benchmarks.audit [--streams N] [--json FILE]``: how often the 95 % intervals hold
the truth, and how often drift is found where recall fell by ten points and where it did not.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from weir.transforms.screen.live_recall import FALL, Sample, drift, estimate, violations_needed

_ESCALATED_SAFE = 0.15  # of the safe posts, escalated as well


@dataclass(frozen=True)
class Stream:
    """Posts of one policy; the audit takes its rates for equal parts of them, one after another."""

    violations: int  # on average
    recall: float
    rates: tuple[float, ...]
    prevalence: float = 0.02
    unanswered: float = 0.0  # share of the judged posts without a usable verdict
    # Share of the missed violations that is judged beside other policies; of the safe posts that
    # are cleared it is a quarter of that: what other policies suspect violates more often.
    beside: float = 0.0

    @property
    def seen(self) -> float:
        """Return how many missed violations the audit draws on average."""
        drawn = (1 - self.beside) * float(np.mean(self.rates))
        return self.violations * (1 - self.recall) * drawn


@dataclass(frozen=True)
class Truth:
    """What a stream turned out to be."""

    missed: int
    recall: float


@dataclass(frozen=True)
class Coverage:
    """The share of streams whose interval holds the truth."""

    stream: Stream
    recall: float  # of the traffic, which the stream was made with
    recall_of_posts: float  # as it turned out in these posts
    missed: float  # as it turned out in these posts
    too_low: float  # intervals of the recall that lie wholly below it


@dataclass(frozen=True)
class Alarms:
    """The share of streams in which drift was found."""

    certified: float
    rate: float
    violations: int
    seen: float  # missed violations that the audit draws on average, before the fall
    unchanged: float
    fallen: float


COVERED = (
    *(
        Stream(violations, recall, (rate,))
        for recall in (0.8, 0.95)
        for rate, violations in ((0.01, 2_000), (0.01, 10_000), (0.01, 50_000), (0.1, 1_000))
    ),
    Stream(2_000, 0.9, (0.1,)),
    Stream(200, 0.9, (0.5,)),
    Stream(1_000, 0.9, (0.5,)),
    Stream(300, 0.9, (1.0,)),
    Stream(20_000, 0.9, (0.01, 0.05)),
    Stream(20_000, 0.9, (0.002, 0.02)),
    Stream(20_000, 0.9, (0.01,), unanswered=0.1),
    Stream(20_000, 0.9, (0.01,), prevalence=0.2),
    Stream(500, 0.9, (0.01,)),
    Stream(1_000, 0.9, (0.01,)),
    Stream(3_000, 0.9, (0.01,)),
    *(Stream(20_000, 0.9, (0.01,), beside=share) for share in (0.02, 0.3, 0.9)),
    Stream(2_000, 0.8, (0.01,), beside=0.3),
    Stream(500, 0.8, (0.1,), beside=0.5),
    Stream(20_000, 0.9, (0.01,), unanswered=0.1, beside=0.3),
)
WATCHED = tuple(
    (certified, rate)
    for certified in (0.99, 0.95, 0.90, 0.80)
    for rate in (0.005, 0.01, 0.05, 0.2, 1.0)
)


def draw(stream: Stream, random: np.random.Generator) -> tuple[Sample, Truth]:
    """Return what is known of one stream, and what is true of it."""
    samples, missed, violations = [], 0, 0
    for rate in stream.rates:
        part, there = _part(stream, rate, len(stream.rates), random)
        samples.append(part)
        missed += there[0]
        violations += there[1]
    return Sample.total(samples), Truth(missed, 1 - missed / violations if violations else 1.0)


def _part(
    stream: Stream, rate: float, parts: int, random: np.random.Generator
) -> tuple[Sample, tuple[int, int]]:
    violating = int(random.poisson(stream.violations / parts))
    safe = int(random.poisson(stream.violations / stream.prevalence / parts))
    caught, alarms = (
        random.binomial(violating, stream.recall),
        random.binomial(safe, _ESCALATED_SAFE),
    )
    missed, cleared = violating - caught, violating - caught + safe - alarms
    counted = random.binomial(missed, stream.beside) if stream.beside else 0
    counted_safe = random.binomial(safe - alarms, stream.beside / 4) if stream.beside else 0
    drawn = random.binomial(missed - counted, rate)
    drawn_safe = random.binomial(safe - alarms - counted_safe, rate)
    answered = 1 - stream.unanswered
    caught_known, alarms_known = random.binomial([caught, alarms], answered)
    seen, seen_safe = random.binomial([drawn, drawn_safe], answered)
    beside, beside_safe = random.binomial([counted, counted_safe], answered)
    sample = Sample(
        escalated=int(caught + alarms),
        escalated_answered=int(caught_known + alarms_known),
        caught=int(caught_known),
        cleared=int(cleared),
        audits=int(drawn + drawn_safe),
        audits_answered=int(seen + seen_safe),
        missed_seen=int(seen),
        audit_weight=float(seen + seen_safe) / rate,
        audit_squares=float(seen + seen_safe) / rate**2,
        missed_weight=float(seen) / rate,
        missed_squares=float(seen) / rate**2,
        beside=int(counted + counted_safe),
        beside_answered=int(beside + beside_safe),
        beside_missed=int(beside),
        cleared_weight=float(cleared) / rate,
    )
    return sample, (int(missed), violating)


def coverage(stream: Stream, streams: int, seed: int = 1) -> Coverage:
    """Return how often the intervals hold what is true of ``streams`` streams."""
    random, held = np.random.default_rng(seed), np.zeros(4)
    for _ in range(streams):
        sample, truth = draw(stream, random)
        said = estimate(sample)
        held += [
            said.recall.low <= stream.recall <= said.recall.high,
            said.recall.low <= truth.recall <= said.recall.high,
            said.missed.low <= truth.missed <= said.missed.high,
            said.recall.high < stream.recall,
        ]
    recall, of_posts, missed, too_low = (held / streams).tolist()
    return Coverage(stream, recall, of_posts, missed, too_low)


def alarms(
    certified: float,
    rate: float,
    streams: int,
    violations: int | None = None,
    seed: int = 1,
    beside: float = 0.0,
) -> Alarms:
    """Return how often drift is found, by default with as many posts as the audit asks for."""
    size = violations or violations_needed(certified, rate)
    before = Stream(size, certified, (rate,), beside=beside)
    after = replace(before, recall=certified - FALL)
    found = []
    for stream in (before, after):
        random = np.random.default_rng(seed)
        flags = [drift(draw(stream, random)[0], certified).found for _ in range(streams)]
        found.append(float(np.mean(flags)))
    return Alarms(certified, rate, size, round(before.seen, 1), *found)


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate, print two tables, and write them as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    covered = [coverage(stream, options.streams) for stream in COVERED]
    watched = [alarms(certified, rate, options.streams) for certified, rate in WATCHED]
    print(f"95 % intervals that hold the truth, of {options.streams:,} streams each")
    print(
        "violations  recall  audited          unanswered  beside  seen   recall  in posts  missed"
    )
    for c in covered:
        s = c.stream
        rates = ", ".join(f"{rate:g}" for rate in s.rates)
        print(
            f"{s.violations:>10,}  {s.recall:6.2f}  {rates:16} {s.unanswered:10.2f}"
            f"  {s.beside:6.2f} {s.seen:5.1f}"
            f"  {c.recall:7.3f}  {c.recall_of_posts:8.3f}  {c.missed:6.3f}"
        )
    print("\ndrift found: recall as certified, and ten points below")
    print("certified  audited  violations  seen  unchanged  fallen")
    for a in watched:
        print(
            f"{a.certified:9.2f}  {a.rate:7g}  {a.violations:10,}  {a.seen:4.1f}"
            f"  {a.unchanged:9.3f}  {a.fallen:6.3f}"
        )
    if options.json:
        report = {
            "streams": options.streams,
            "coverage": [asdict(each) | {"seen": each.stream.seen} for each in covered],
            "drift": [asdict(each) for each in watched],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
