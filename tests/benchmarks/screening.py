"""How fast the screen scores: CPU time a post on one core, and how time grows with a post's length.

``python -m tests.benchmarks.screening [--json FILE]`` scores posts of 200 bytes with eight heads,
beside scikit-learn's HashingVectorizer and LogisticRegression with as many heads, by turns in one
process. The weights are random: they cost what learned ones do. OMP_NUM_THREADS=1 for one core.
"""

import argparse
import json
import random
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from tests.evasions import SPELLING, UNICODE
from tests.languages import SENTENCES
from weir.pipelines.posts import SAMPLE
from weir.transforms.screen.model import Screen
from weir.transforms.text.features import BUCKETS
from weir.transforms.text.normalise import normalise

HEADS = 8
POST_BYTES = 200
TRIES = 6  # of what takes no longer than a stir of a shared machine
LENGTHS = (1 / 16, 1 / 4, 1)  # of the longest post

# What could take more than linear time or memory, by the unit that is repeated.
LONG: Mapping[str, str] = {
    "words": "all of them went home before it rained ",
    "one word": "a",
    "leet": "k1ll ",
    "leet, one word": "a1",
    "spelled out": "k i l l  ",
    "drawn out": "baaa",
    "addresses": "http://",
    "homoglyphs": "kиll ",
    "accents": "ḱïĺl ",
    "marks on one letter": "\u0301\u0316",
    "grows under NFKC": "\ufdfa",
    "overrides": "\u202eab\u05d0",
    "flags": "\U0001f1e6\U0001f1e8",
    "tags": "<b></b>a",
    "tags without an end": "<b",
    "comments": "<!-- a -->",
    "entities of entities": "&amp;amp;",
    "links": "[a](",
    "emphasis": "*a ",
}


@dataclass(frozen=True)
class Speed:
    """Posts a second of CPU time, the best of the rounds, and their mean size."""

    posts_per_second: float
    bytes_per_post: float


def _words() -> list[str]:
    lines = SAMPLE.read_text("utf-8").splitlines()
    return [word for line in lines for word in json.loads(line)["text"].split()]


def posts(count: int) -> dict[str, list[str]]:
    """Return so many posts of each kind: plain ASCII, disguised, and other languages."""
    rng = random.Random(3)
    words = [word for word in _words() if word.isascii() and word[:-1].isalpha()]
    plain = []
    for _ in range(count):
        text = " ".join(rng.choices(words, k=POST_BYTES // 2))
        plain.append(text[:POST_BYTES])
    ways = [*UNICODE.values(), *SPELLING.values()]
    disguised = [rng.choice(ways)(text[:60], rng) for text in plain]
    sentences = [sentence for texts in SENTENCES.values() for sentence in texts]
    foreign = [" ".join(rng.choices(sentences, k=2)) for _ in range(count)]
    return {"ASCII": plain, "disguised": disguised, "other languages": foreign}


def screen() -> Screen:
    """Return eight heads of random weights."""
    rng = np.random.default_rng(0)
    return Screen.of(
        tuple(f"head-{n}" for n in range(HEADS)),
        rng.normal(size=(BUCKETS, HEADS)).astype(np.float32),
        np.ones(BUCKETS, np.float32),
        np.zeros(HEADS),
        np.full(HEADS, 0.5),
    )


def usual(texts: list[str]) -> Callable[[], object]:
    """Return what scores the texts with scikit-learn: one pass of features, eight heads."""
    features = FeatureUnion(
        [
            ("word", HashingVectorizer(ngram_range=(1, 2), n_features=2**18)),
            ("char", HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=2**18)),
        ]
    )
    sample = features.transform(texts[:200])
    rng = np.random.default_rng(1)
    heads = [
        LogisticRegression(solver="liblinear").fit(  # is quicker to fit, no quicker to ask
            sample, rng.permutation(sample.shape[0]) < sample.shape[0] // 2
        )
        for _ in range(HEADS)
    ]

    def score() -> object:
        counts = features.transform(texts)
        return [head.predict_proba(counts)[:, 1] for head in heads]

    return score


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def speeds(count: int, rounds: int) -> tuple[dict[str, Speed], float]:
    """Return the screen's speed by kind of post and scikit-learn's on ASCII, taken by turns."""
    model, kinds = screen(), posts(count)
    works: dict[str, Callable[[], object]] = {}
    for kind, texts in kinds.items():
        column = pa.array(texts, pa.string())
        works[kind] = lambda column=column: model.score(column)  # type: ignore[misc]  # a default binds the loop's variable
    works["scikit-learn, ASCII"] = usual(kinds["ASCII"])
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for kind, work in works.items():
            tries = TRIES if kind in kinds else 1
            best[kind] = min(best[kind], *(_seconds(work) for _ in range(tries)))
    sizes = {kind: sum(len(t.encode()) for t in texts) / count for kind, texts in kinds.items()}
    measured = {
        kind: Speed(count / seconds, sizes.get(kind, sizes["ASCII"]))
        for kind, seconds in best.items()
    }
    return measured, best["scikit-learn, ASCII"] / best["ASCII"]


def lengths(sizes: Sequence[int]) -> dict[str, list[float]]:
    """Return the CPU seconds of one post of each size in bytes, by what it is made of."""
    model = screen()
    taken = {}
    for kind, unit in LONG.items():
        texts = [
            pa.array(["a" + unit * (length // len(unit.encode()))], pa.string()) for length in sizes
        ]
        taken[kind] = [min(_seconds(lambda t=t: model.score(t)) for _ in range(2)) for t in texts]  # type: ignore[misc]  # a default binds the loop's variable
    return taken


def batch_equals_rows(count: int) -> bool:
    """Say whether so many posts of each kind have the same scores, bit for bit, alone and not."""
    model = screen()
    texts = pa.array([text for kind in posts(count).values() for text in kind], pa.string())
    alone = np.concatenate([model.score(texts.slice(row, 1)) for row in range(len(texts))])
    return bool(np.array_equal(model.score(texts), alone))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=4000, help="of each kind")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--longest", type=int, default=1_000_000, help="post, in bytes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    normalise(pa.array([unicodedata.lookup("CYRILLIC SMALL LETTER A")]))  # makes the tables
    measured, ratio = speeds(options.posts, options.rounds)
    print(f"{'posts':22}{'bytes':>7}{'a CPU second':>14}{'us a post':>11}")
    for kind, speed in measured.items():
        print(
            f"{kind:22}{speed.bytes_per_post:7.0f}{speed.posts_per_second:14,.0f}"
            f"{1e6 / speed.posts_per_second:11.1f}"
        )
    print(f"{ratio:.1f} times scikit-learn's speed on ASCII, {HEADS} heads")
    same = batch_equals_rows(min(options.posts, 300))
    print(f"a batch scores as its rows do, bit for bit: {'yes' if same else 'NO'}\n")
    sizes = [round(options.longest * share) for share in LENGTHS]
    taken = lengths(sizes)
    print(f"{'one post of':22}" + "".join(f"{length // 1000:>9,} kB" for length in sizes))
    for kind, seconds in taken.items():
        print(f"{kind:22}" + "".join(f"{1e3 * each:9.1f} ms" for each in seconds))
    if options.json:
        result = {
            "heads": HEADS,
            "speeds": {kind: asdict(speed) for kind, speed in measured.items()},
            "times_scikit_learn": ratio,
            "batch_equals_rows": same,
            "lengths": sizes,
            "cpu_seconds_by_length": taken,
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
