"""What a screen costs on ordinary traffic, and what it still finds: its true face.

    python -m tests.benchmarks.selectivity --data FOLDER [--limit POSTS] [--json FILE]

A request is a post and a policy that the screen does not clear. Leave one out: what measures the
recall on a labelled set has learned from no post of it, nor from the ordinary streams whose posts
set the thresholds. Each policy may send the same share of a stream. Where no public set knows a
policy, a fifth of its written examples is left out in turn, which flatters: they share a style.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from tests.benchmarks.selectivity_ways import WAYS, Posts, Shipped, Way
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.arrays import Floats
from weir.transforms.screen.model import CARD_FILE, Screen
from weir.transforms.screen.second_stage.scorer import Reader
from weir.transforms.screen.selectivity import SHARES
from weir.transforms.screen.thresholds.allocation import divide
from weir.transforms.screen.training.labelled import (
    golden_examples,
    ordinary_streams,
    public_sets,
)

REQUESTS = (100, 300, 800, 1500)  # for 1,000 posts
RECALL = 0.87  # the mean at which the ways are compared
EXAMPLES = "golden_examples"
_FOLDS = 5  # of the examples; one is left out beside each set
_LEAST = 5  # violating posts that say anything
_GRID = np.unique(np.concatenate([np.linspace(0.001, 0.06, 60), np.linspace(0.06, 1, 189), SHARES]))
# Streams that are left out together, and what a set is left out with: they come from one place.
STREAMS = (
    ("reddit", "bank_questions"),
    ("product_reviews", "wikipedia_ordinary"),
)
_SAME_PLACE: Mapping[str, tuple[str, ...]] = {
    "wikipedia_talk": ("wikipedia_toxic", "wikipedia_ordinary"),
}
_TEACHING = "wikipedia_toxic"  # its labels are of another policy, so they measure nothing


@dataclass(frozen=True)
class Curve:
    """The recall of one policy on one set where each of _GRID's shares of a stream is judged."""

    policy_id: str
    labelled_set: str
    positives: int
    recall: Floats  # (len(_GRID),), the mean over the streams

    def at(self, share: float) -> float:
        """Return the recall at a share of the stream."""
        return float(np.interp(share, _GRID, self.recall))

    def interval(self, share: float) -> tuple[float, float]:
        """Return Clopper and Pearson's 95 % interval of the recall, for as many found posts."""
        hits = round(self.at(share) * self.positives)
        found = binomtest(hits, self.positives).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Measured:
    """What one way costs and finds."""

    way: str
    curves: tuple[Curve, ...]
    untouched: Floats  # (len(_GRID),): share of ordinary posts that no policy sends

    def by_policy(self, policy_ids: Sequence[str]) -> Floats:
        """Return (policies, len(_GRID)) recalls: over a policy's public sets, else its examples."""
        rows = []
        for policy_id in policy_ids:
            own = [curve for curve in self.curves if curve.policy_id == policy_id]
            public = [curve for curve in own if curve.labelled_set != EXAMPLES] or own
            nowhere = [np.full(len(_GRID), np.nan)]
            rows.append(np.mean([curve.recall for curve in public] or nowhere, axis=0))
        return np.array(rows)

    def mean(self, policy_ids: Sequence[str]) -> Floats:
        """Return (len(_GRID),): the mean recall over the policies that were measured."""
        return np.asarray(np.nanmean(self.by_policy(policy_ids), axis=0), np.float64)


def measure(way: Way, posts: Posts, streams: Sequence[Sequence[str]] = STREAMS) -> Measured:
    """Return what a way finds on every set, having learned from the others."""
    found: dict[tuple[str, str], list[tuple[int, Floats]]] = {}
    untouched = []
    fold = posts.draw % _FOLDS
    for number, name in enumerate(n for n in posts.sets if n not in (EXAMPLES, _TEACHING)):
        examples = posts.rows([EXAMPLES]) & (fold == number % _FOLDS)
        for left_out in streams:
            out = examples | posts.rows([name, *left_out, *_SAME_PLACE.get(name, ())])
            scores = way.scores(posts, ~out)
            for ordinary in (scores[posts.rows([stream])] for stream in left_out):
                thresholds = _quantiles(ordinary)
                untouched.append([(ordinary < row).all(axis=1).mean() for row in thresholds])
                for measured, rows in ((name, posts.rows([name])), (EXAMPLES, examples)):
                    for head, policy_id in enumerate(posts.policy_ids):
                        violating = scores[rows & (posts.labels[:, head] == 1), head]
                        if len(violating) >= _LEAST:
                            reached = violating[:, None] >= thresholds[:, head]
                            runs = found.setdefault((policy_id, measured), [])
                            runs.append((len(violating), reached.mean(axis=0)))
    measurements = sum(len(left_out) for left_out in streams)
    curves = [_curve(*key, runs, measurements) for key, runs in sorted(found.items())]
    return Measured(way.name, tuple(curves), np.mean(untouched, axis=0))


def _curve(
    policy_id: str, name: str, runs: Sequence[tuple[int, Floats]], measurements: int
) -> Curve:
    """Return the mean of the measurements, each post of which stands in so many of them."""
    counts = [count for count, _ in runs]
    recall = np.average([recall for _, recall in runs], axis=0, weights=counts)
    return Curve(policy_id, name, round(sum(counts) / measurements), recall)


def _quantiles(ordinary: Floats) -> Floats:
    """Return (len(_GRID), policies): the scores that these shares of a stream reach."""
    descending = -np.sort(-ordinary, axis=0)
    rank = np.clip(np.ceil(_GRID * len(ordinary)).astype(int) - 1, 0, len(ordinary) - 1)
    return np.asarray(descending[rank], np.float64)


def requests_needed(measured: Measured, policy_ids: Sequence[str], recall: float = RECALL) -> float:
    """Return the requests for 1,000 posts at a mean recall; infinity where it is never reached."""
    enough = np.flatnonzero(measured.mean(policy_ids) >= recall)
    return float(_GRID[enough[0]] * len(policy_ids) * 1000) if len(enough) else float("inf")


def divided_recall(measured: Measured, policy_ids: Sequence[str], requests: float) -> float:
    """Return the mean recall where the requests go to the heads that they find most with."""
    recalls = measured.by_policy(policy_ids)
    known = ~np.isnan(recalls).any(axis=1)
    curves = [np.interp(SHARES, _GRID, row) for row in recalls[known]]
    shares = divide(requests / 1000, curves)
    found = [
        np.interp(share, _GRID, row) for share, row in zip(shares, recalls[known], strict=True)
    ]
    return float(np.mean(found))


def shipped(posts: Posts) -> dict[str, float]:
    """Return what the starter asks at the thresholds that it ships with, by stream."""
    starter = Shipped()
    over = starter.scores(posts, posts.rows([])) >= starter.thresholds(posts.policy_ids)
    found = {}
    for name in posts.streams:
        rows = over[posts.rows([name])]
        found[name] = float(1000 * rows.sum(axis=1).mean())
        found[f"{name}, untouched"] = float((~rows.any(axis=1)).mean())
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print three tables, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=3000, help="posts of a set, violating first")
    parser.add_argument("--way", action="append", choices=list(WAYS), dest="ways")
    parser.add_argument("--cache", type=Path, help="file to keep what the encoder read")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--into", type=Path, help="screen whose file and card are to say this")
    options = parser.parse_args(argv)
    policies = load_policies(LIBRARY)
    policy_ids = [policy.policy_id for policy in policies.policies]
    sets = [*public_sets(options.data), golden_examples(policies)]
    ordinary = ordinary_streams(options.data, policy_ids)
    posts = Posts.of(sets, ordinary, policy_ids, options.limit, options.cache)
    as_shipped = shipped(posts)
    _print_shipped(as_shipped)
    found = []
    _print_heading()
    for name in options.ways or WAYS:
        found.append(measure(WAYS[name], posts))
        _print_row(found[-1], policy_ids)
    _print_policies(found[-1], policy_ids)
    told = _json(found, policy_ids, as_shipped)
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    if options.into:
        say(options.into, told)


_CAUTION = (
    "No head is certified: labels come from public sets, and a recall is promised of the stream "
    "of whoever uses it. A head is open for a share of the stream. `recall_at_share` was measured "
    "on public sets that had taught nothing; measure what it finds on yours with the audit sample, "
    "and train on your own labels."
)


def say(folder: Path, told: Mapping[str, Any]) -> None:
    """Write into a screen what its stages find where they are open for each of SHARES.

    It is a screen of public sets, which promises nothing.
    """
    first, both = (
        dict(zip(told["policies"], told["ways"][WAYS[way].name]["curves"], strict=True))
        for way in ("first", "both")
    )
    screen, reader = Screen.load(folder), Reader.load(folder)
    screen = screen.with_thresholds(screen.thresholds).with_selectivity(
        [replace(each, recall=tuple(first[each.policy_id])) for each in screen.selectivity]
    )
    reader = reader.with_thresholds(reader.thresholds, (), ()).with_recall(
        np.array([both[policy_id] for policy_id in reader.policy_ids])
    )
    card = json.loads((folder / CARD_FILE).read_text("utf-8"))
    languages = {each.policy_id: list(each.languages) for each in screen.selectivity}
    heads = [
        _without_certificates(head)
        | {
            "languages": languages[head["policy_id"]],
            "recall_at_share": {
                "shares": list(SHARES),
                "first_stage": first[head["policy_id"]],
                "both_stages": both[head["policy_id"]],
            },
        }
        for head in card["heads"]
    ]
    changed = {
        "screen_version": screen.version,
        "caution": _CAUTION,
        "second_stage": {"version": reader.version, "encoder": reader.encoder_version},
        "heads": heads,
    }
    screen.save(folder, card | changed)
    reader.save(folder)


def _without_certificates(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card tells of a head without what it would promise, in each stage."""
    return {
        key: _without_certificates(value) if isinstance(value, Mapping) else value
        for key, value in told.items()
        if key != "certificate"
    }


def _print_shipped(found: Mapping[str, float]) -> None:
    print("the starter as shipped: requests for 1,000 ordinary posts, share untouched")
    for name, value in found.items():
        if not name.endswith("untouched"):
            print(f"{name:22}{value:8,.0f}{found[f'{name}, untouched']:8.3f}")


def _print_heading() -> None:
    columns = "".join(f"{count:>8}" for count in REQUESTS)
    print(f"\n{'mean recall at requests for 1,000':36}{columns}  divided{f'for {RECALL}':>10}"
          f"{'untouched there':>17}")  # fmt: skip


def _print_row(measured: Measured, policy_ids: Sequence[str]) -> None:
    mean, count = measured.mean(policy_ids), len(policy_ids)
    cells = [f"{np.interp(asked / 1000 / count, _GRID, mean):8.3f}" for asked in REQUESTS]
    needed = requests_needed(measured, policy_ids)
    left = np.interp(needed / 1000 / count, _GRID, measured.untouched)
    split = divided_recall(measured, policy_ids, 800)
    print(f"{measured.way:36}{''.join(cells)}{split:9.3f}{needed:10,.0f}{left:17.2f}", flush=True)


def _print_policies(measured: Measured, policy_ids: Sequence[str]) -> None:
    columns = "".join(f"{count:>8}" for count in REQUESTS)
    print(f"\n{measured.way}, by policy\n{'':16}{'':32}{columns}{'95 % at 800':>16}{'of':>7}")
    for curve in measured.curves:
        shares = [asked / 1000 / len(policy_ids) for asked in REQUESTS]
        low, high = curve.interval(shares[2])
        cells = "".join(f"{curve.at(share):8.2f}" for share in shares)
        print(f"{curve.policy_id:16}{curve.labelled_set:32}{cells}     {low:.2f} to {high:.2f}"
              f"{curve.positives:7}")  # fmt: skip


def _json(
    found: Sequence[Measured], policy_ids: Sequence[str], as_shipped: Mapping[str, float]
) -> dict[str, Any]:
    """Return what was measured; curves at the shares that an allocation reads."""
    return {
        "shipped": dict(as_shipped),
        "shares": list(SHARES),
        "policies": list(policy_ids),
        "ways": {
            each.way: {
                "curves": [
                    np.interp(SHARES, _GRID, row).round(4).tolist()
                    for row in each.by_policy(policy_ids)
                ],
                "requests_needed": requests_needed(each, policy_ids),
                "sets": [
                    asdict(c) | {"recall": np.interp(SHARES, _GRID, c.recall).round(4).tolist()}
                    for c in each.curves
                ],
            }
            for each in found
        },
    }


if __name__ == "__main__":
    main()
