"""What runs of the benchmark of teaching find, summed up and printed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measured:
    """What a screen does on the posts after the verdicts; shares in [0, 1]."""

    requests: float  # for 1,000 posts
    untouched: float
    recall: float  # of the violations that the judge confirms
    recall_of_calls: float  # of all that it calls violating, its false alarms among them


@dataclass(frozen=True)
class Result:
    """One run."""

    verdicts: int
    before: Measured  # the screen that the run began with
    decides: Measured  # what decides in the end
    learned: Measured  # what has learned from all verdicts, promoted or not
    promoted: int  # how many candidates took over
    withdrawn: int
    e_values: tuple[float, ...]  # of each candidate that was compared, the last
    harmed: bool  # what decides has lost more than MARGIN of recall by promotions
    covered: bool  # the live certificates of all policies, over the whole run
    promised: float | None  # the lowest of them


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Return means over runs, their standard errors, and the shares of runs with something."""
    rows = [asdict(each) for each in results]
    found: dict[str, Any] = {
        "runs": len(rows),
        "verdicts": float(np.mean([row["verdicts"] for row in rows])),
    }
    for screen in ("before", "decides", "learned"):
        for name in ("requests", "untouched", "recall", "recall_of_calls"):
            values = [row[screen][name] for row in rows]
            found[f"{screen}_{name}"] = float(np.mean(values))
        found[f"{screen}_error"] = float(np.std(values := [row[screen]["recall"] for row in rows]))
        found[f"{screen}_error"] /= len(values) ** 0.5
    for name in ("promoted", "withdrawn", "harmed", "covered"):
        found[name] = float(np.mean([row[name] > 0 for row in rows]))
    return found


def print_heading() -> None:
    """Print the heading of the table."""
    print(f"{'':20}{'verdicts':>9} | {'before: requests, recall':>24} | "
          f"{'decides: requests, untouched, recall':>37} | "
          f"{'learned: requests, untouched, recall, of calls':>47} | "
          f"promoted withdrawn harmed covered")  # fmt: skip


def print_row(name: str, row: Mapping[str, float]) -> None:
    """Print a summary."""
    print(f"{name:20}{row['verdicts']:9,.0f} | {row['before_requests']:15.0f}"
          f"{row['before_recall']:9.3f} | {row['decides_requests']:17.0f}"
          f"{row['decides_untouched']:9.3f}{row['decides_recall']:11.3f} | "
          f"{row['learned_requests']:16.0f}{row['learned_untouched']:9.3f}"
          f"{row['learned_recall']:12.3f}{row['learned_recall_of_calls']:10.3f} | "
          f"{row['promoted']:8.2f} {row['withdrawn']:9.2f} {row['harmed']:6.2f} "
          f"{row['covered']:7.2f}", flush=True)  # fmt: skip
