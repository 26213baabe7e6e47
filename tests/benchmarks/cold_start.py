"""What a cold head finds, and how the judge's verdicts make a real one of it.

    python -m tests.benchmarks.cold_start --data FOLDER [--encoder] [--seeds 5] [--json FILE]

Recall where a tenth of the traffic may be judged and a twentieth of it violates, on seven tasks of
public sets: five categories of OpenAI's, Davidson's hate speech, Surge's toxicity. Examples, the
stream and the test are separate posts; the norm is that of a screen trained on the other sets.
"""

import argparse
import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from weir.transforms.screen.cold.extra_heads import rerank
from weir.transforms.screen.cold.fit import (
    ColdSettings,
    ColdStarter,
    Labelled,
    Stream,
    linear,
)
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.text import features

BUDGET, PREVALENCE = 0.1, 0.05
EXAMPLES = (10, 20, 40, 100)
VERDICTS = (200, 1000, 5000)
STREAM = 2000
ROUNDS = 4
MISSES, FALSE_ALARMS = 0.1, 0.01  # of the judge that the loop learns from
WAYS = ("hashed", "taught", "reranked")
FACTS = {"hashed": {10: 0.34, 20: 0.41, 40: 0.48, 100: 0.54}, "reranked": {40: 0.61}}
LOOP_FACTS = {0: 0.35, 1000: 0.49, 5000: 0.58}


@dataclass(frozen=True)
class Posts:
    """A public set: each text once, its features, and 1, 0 or -1 (unknown) for each task."""

    texts: list
    labels: dict
    counts: Any = field(repr=False, default=None)


def openai(folder: Path) -> Posts:
    path = folder / "openai_moderation_2022" / "samples-1680.jsonl.gz"
    rows: dict = {}
    for line in gzip.decompress(path.read_bytes()).splitlines():
        row = json.loads(line)
        rows.setdefault(row["prompt"], row)
    tasks = {
        "hate": ("H", "H2"),
        "sexual": ("S", "S3"),
        "self-harm": ("SH",),
        "violence": ("V", "V2"),
        "harassment": ("HR",),
    }
    labels = {}
    for task, names in tasks.items():
        known = [[r[n] for n in names if r.get(n) is not None] for r in rows.values()]
        first = [r.get(names[0]) is not None for r in rows.values()]
        labels[task] = np.array(
            [int(any(k)) if any(k) or f else -1 for k, f in zip(known, first, strict=True)]
        )
    return Posts(list(rows), labels)


def of_csv(path: Path, column: str, task: str, violates) -> Posts:
    rows: dict = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row[column], int(violates(row)))
    return Posts(list(rows), {task: np.array(list(rows.values()))})


def sets(folder: Path) -> dict[str, Posts]:
    davidson = folder / "davidson" / "labeled_data.csv"
    surge = folder / "surge_toxicity" / "toxicity_en.csv"
    read = {
        "openai": openai(folder),
        "davidson": of_csv(davidson, "tweet", "davidson", lambda row: row["class"] == "0"),
        "surge": of_csv(surge, "text", "surge", lambda row: row["is_toxic"] == "Toxic"),
    }
    return {n: Posts(p.texts, p.labels, features.matrix(p.texts)) for n, p in read.items()}


def scale_of(others: list[Posts]) -> np.ndarray:
    """Return the squared inverse document frequencies that a screen of these sets would have."""
    count = sum(len(posts.texts) for posts in others)
    counts = [np.bincount(p.counts.indices, minlength=features.BUCKETS) for p in others]
    found = np.sum(counts, axis=0)
    inverse = np.where(found < 2, 0, np.log((1 + count) / (1 + found)) + 1)
    return (inverse**2).astype(np.float32)


@dataclass(frozen=True)
class Remembering:
    """The encoder, which reads each post once."""

    encoder: Encoder
    version: str = "remembering"
    known: dict = field(default_factory=dict, repr=False)

    def embed(self, texts) -> np.ndarray:
        for text in texts:
            if text not in self.known:
                self.known[text] = self.encoder.embed([text])[0]
        return np.array([self.known[text] for text in texts])


def recall(scores: np.ndarray, violates: np.ndarray, budget: float = BUDGET) -> float:
    """Return the recall of the top ``budget`` of traffic in which PREVALENCE violates."""
    positives = violates.sum()
    weights = np.where(
        violates == 1, PREVALENCE / positives, (1 - PREVALENCE) / (len(violates) - positives)
    )
    order = np.argsort(-(scores + 1e-12 * np.random.default_rng(0).random(len(scores))))
    share = np.concatenate([[0], np.cumsum(weights[order])])
    found = np.concatenate([[0], np.cumsum(violates[order]) / positives])
    return float(np.interp(budget, share, found))


def scores_of(head, posts: Posts, rows: np.ndarray, scale: np.ndarray, encoder) -> np.ndarray:
    """Return what a screen with this head gives the rows."""
    scores = expit(linear(head, posts.counts[rows], scale))
    if head.reranking is None:
        return scores
    above = np.flatnonzero(scores >= head.reranking.gate)
    vectors = encoder.embed([posts.texts[row] for row in rows[above]])
    return rerank(scores, head.reranking, above, vectors)


def heads_of(posts: Posts, examples, stream, scale, encoder, verdicts=None, ways=WAYS) -> Iterator:
    """Yield each way and its head; without an encoder there is one way."""

    def labelled(rows, kinds) -> Labelled:
        return Labelled(tuple(posts.texts[row] for row in rows), np.asarray(kinds, bool))

    known = labelled(*examples)
    judged = labelled(*verdicts) if verdicts else None
    sample = Stream.of([posts.texts[row] for row in stream])
    for way in ways if encoder else ways[:1]:
        starter = ColdStarter(scale, sample, None if way == "hashed" else encoder)
        settings = ColdSettings(reranks=way == "reranked")
        yield way, starter.head("task", known, settings, judged)


def few_examples(data: dict[str, Posts], encoder, seeds: int, counts=EXAMPLES) -> dict:
    """Return {way: {examples: {task: recall}}}, each a mean over seeds."""
    found: dict = {}
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        half = random.permutation(len(data["openai"].texts))
        for name, posts in data.items():
            scale = scale_of([p for n, p in data.items() if n != name])
            for task, labels in posts.labels.items():
                order = half if name == "openai" else random.permutation(len(labels))[:6000]
                middle = len(order) // 2
                train, test = (part[labels[part] >= 0] for part in (order[:middle], order[middle:]))
                bad, good = (random.permutation(train[labels[train] == k]) for k in (1, 0))
                for count in counts:
                    examples = np.concatenate([bad[: count // 2], good[: count // 2]])
                    rest, hidden = good[count // 2 :], bad[count // 2 :]
                    few = int(len(rest) * PREVALENCE / (1 - PREVALENCE))
                    stream = random.permutation(np.concatenate([rest, hidden[:few]]))[:STREAM]
                    labelled = (examples, labels[examples] == 1)
                    for way, head in heads_of(posts, labelled, stream, scale, encoder):
                        scores = scores_of(head, posts, test, scale, encoder)
                        cell = found.setdefault(way, {}).setdefault(count, {})
                        cell.setdefault(task, []).append(recall(scores, labels[test]))
    return {
        way: {
            count: {t: round(np.mean(r), 3) for t, r in tasks.items()} for count, tasks in c.items()
        }
        for way, c in found.items()
    }


def loop(data: dict[str, Posts], encoder, seeds: int, verdicts=VERDICTS) -> dict:
    """Return {way: {verdicts: recall}} on Davidson's hate speech, and the promotion's decisions."""
    found: dict = {}
    posts = data["davidson"]
    labels = posts.labels["davidson"]
    scale = scale_of([data["openai"], data["surge"]])
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        order = random.permutation(len(labels))
        test, pool = order[:5000], order[len(order) // 3 :]
        bad, good = pool[labels[pool] == 1], pool[labels[pool] == 0]
        examples = np.concatenate([bad[:20], good[:20]])
        bad, good = bad[20:], good[20:]
        few = int(len(good) * PREVALENCE / (1 - PREVALENCE))
        pool = random.permutation(np.concatenate([good, bad[:few]]))
        stream = pool[:STREAM]
        draws, violates = random.random(len(pool)), labels[pool] == 1
        judged = np.where(violates, draws >= MISSES, draws < FALSE_ALARMS)
        known = (examples, labels[examples] == 1)
        cold = dict(heads_of(posts, known, stream, scale, encoder))
        for way, first in cold.items():
            cells = found.setdefault(way, {})
            start = scores_of(first, posts, test, scale, encoder)
            cells.setdefault(0, []).append(recall(start, labels[test]))
            for count in verdicts:
                head, taken = first, np.zeros(0, int)
                for _ in range(ROUNDS):
                    scores = scores_of(head, posts, pool, scale, encoder)
                    taken = another_round(scores, taken, count // ROUNDS, random)
                    seen = (pool[taken], judged[taken])
                    head = dict(heads_of(posts, known, stream, scale, encoder, seen, (way,)))[way]
                scores = scores_of(head, posts, test, scale, encoder)
                cells.setdefault(count, []).append(recall(scores, labels[test]))
    return {w: {n: round(np.mean(r), 3) for n, r in cells.items()} for w, cells in found.items()}


def another_round(scores, taken, count: int, random) -> np.ndarray:
    """Return the rows judged so far and ``count`` more: half the highest, half at random."""
    left = np.setdiff1d(np.arange(len(scores)), taken)
    top = left[np.argsort(-scores[left], kind="stable")[: count // 2]]
    rest = random.permutation(np.setdiff1d(left, top))[: count - len(top)]
    return np.concatenate([taken, top, rest])


@cache
def facts(way: str, count: int) -> str:
    return f"{FACTS.get(way, {}).get(count, '')}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--encoder", action="store_true", help="with the sentence encoder too")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--examples", type=int, nargs="+", default=EXAMPLES)
    parser.add_argument("--verdicts", type=int, nargs="+", default=VERDICTS, help="of the loop")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args(argv)
    data = sets(arguments.data)
    encoder = Remembering(Encoder.load()) if arguments.encoder else None
    report = {
        "seeds": arguments.seeds,
        "few": few_examples(data, encoder, arguments.seeds, arguments.examples),
    }
    for way, counts in report["few"].items():
        for count, tasks in counts.items():
            mean = np.mean(list(tasks.values()))
            cells = " ".join(f"{task} {value:.2f}" for task, value in tasks.items())
            print(f"{way:9} {count:5} examples {mean:.3f} (facts {facts(way, count)}) {cells}")
    report["loop"] = loop(data, encoder, arguments.seeds, arguments.verdicts)
    for way, cells in report["loop"].items():
        told = " ".join(f"{n}: {r:.3f} (facts {LOOP_FACTS.get(n, '')})" for n, r in cells.items())
        print(f"{way:9} verdicts {told}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
