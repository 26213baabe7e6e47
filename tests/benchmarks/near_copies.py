"""How often a near-copy takes a verdict, how often a wrong one, and what looking it up costs.

``python -m tests.benchmarks.near_copies --data FOLDER [--posts N] [--json FILE]`` edits real posts:
as whoever sends a wave does, which leaves a verdict as it is, and as an attacker does, who hides a
violation in what was judged safe, or adds one to a harmless text so that it condemns the others.
Of the latter every verdict taken is wrong. No model judges: what an edit makes of a post is taken
for granted. Nothing is kept but the figures.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.judge.cache import VerdictCache, fingerprints
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.near_copies import NearCopies, Source, sketches
from weir.transforms.screen.training.labelled import ordinary_streams, public_sets

POLICY = "harassment"
INSULTS = ("idiot", "moron", "scum", "loser", "trash")
SENTENCES = ("You are a worthless idiot.", "Go and die.", "Nobody will miss you, scum.")
NAMES = ("Maria", "Ahmed", "Wei", "Olga", "Carlos")
_AT_ONCE = 32  # rows of a batch of escalations
_COMPLETION = Completion('{"violation": 1}')

Edit = Callable[[str, random.Random], str]


@dataclass(frozen=True)
class Taken:
    """Of so many copies, the share that took the verdict of what they copy."""

    copies: int
    share: float


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time for one post."""

    equal_us: float  # with the cache of equal posts
    near_us: float  # with near-copies beside it


def _at(text: str, word: str, rng: random.Random, *, instead: bool) -> str:
    words = text.split()
    place = rng.randrange(len(words))
    return " ".join([*words[:place], word, *words[place + instead :]])


def _typing_error(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + text[place + 1 :]


def _behind(text: str, rng: random.Random) -> str:
    return f"{text} {rng.getrandbits(24):x}"


WAVE: dict[str, Edit] = {
    "capitals": lambda text, _: text.upper(),
    "letters behind": _behind,
    "a name": lambda text, rng: _at(text, rng.choice(NAMES), rng, instead=True),
    "typing error": _typing_error,
    "three words": lambda text, _: f"hey all, look: {text}",
}
HOSTILE: dict[str, Edit] = {
    "a sentence": lambda text, rng: f"{text} {rng.choice(SENTENCES)}",
    "a word more": lambda text, rng: _at(text, rng.choice(INSULTS), rng, instead=False),
    "another word": lambda text, rng: _at(text, rng.choice(INSULTS), rng, instead=True),
}


Pairs = list[tuple[str, str]]  # what was judged, and its copy


def pairs(posts: Sequence[str], edit: Edit, rng: random.Random) -> Pairs:
    """Return each post with what the edit makes of it."""
    return [(post, edit(post, rng)) for post in posts]


def taken(found: Pairs, *, violates: bool) -> Taken:
    """Return how many copies take the verdict of what they copy, which this verdict was given."""
    sources, copies = (
        sketches(pa.array([pair[side] for pair in found], pa.string())) for side in (0, 1)
    )
    took = 0
    for source, copy in zip(sources, copies, strict=True):
        known = NearCopies(1 << 20)
        known.put(Source("d", violates, source, _COMPLETION), "q")
        took += known.find(copy, "q") is not None
    return Taken(len(found), took / len(found))


def cost(posts: Sequence[str]) -> Cost:
    """Return what looking a post up takes where nothing is known, keeping half of them included."""
    equal, near = VerdictCache(1 << 26, "m"), NearCopies(1 << 26)
    took = [0.0, 0.0]
    for start in range(0, len(posts), _AT_ONCE):
        column = pa.array(posts[start : start + _AT_ONCE], pa.string())
        began = time.process_time()
        for number, post in enumerate(fingerprints(column)):
            if equal.get(post, "q") is None and number % 2:
                equal.put(post, "q", _COMPLETION, violates=True)
        between = time.process_time()
        for number, sketch in enumerate(sketches(column)):
            if near.find(sketch, "q") is None and number % 2:
                near.put(Source("d", True, sketch, _COMPLETION), "q")
        took[0] += between - began
        took[1] += time.process_time() - between
    return Cost(*(seconds / len(posts) * 1e6 for seconds in took))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--posts", type=int, default=2000, help="for each row")
    parser.add_argument("--json", type=Path, default=Path("bench-near-copies.json"))
    options = parser.parse_args(argv)
    policies, rng = load_policies(LIBRARY), random.Random(7)
    ids = [policy.policy_id for policy in policies.policies]
    streams = ordinary_streams(options.data, ids)
    harmless = [post.text for stream in streams for post in stream.posts if post.text.strip()]
    violating = [
        post.text
        for each in public_sets(options.data)
        for post in each.posts
        if post.labels.get(POLICY) and len(post.text.split()) > 1
    ]
    rng.shuffle(harmless)
    rng.shuffle(violating)
    harmless, violating = harmless[: options.posts], violating[: options.posts]
    right = {
        f"{kind}: {name}": taken(pairs(of, edit, rng), violates=kind == "violating")
        for kind, of in (("violating", violating), ("safe", harmless))
        for name, edit in WAVE.items()
    }
    for kind, of in (("violating", violating), ("safe", harmless)):
        numbers = [(f"{post} 1234567", f"{post} 7654321") for post in of]
        right[f"{kind}: another long number"] = taken(numbers, violates=kind == "violating")
    wrong = {}
    for count in (1, 2, 4, 8):
        texts = [" ".join(rng.choices(harmless, k=count)) for _ in range(options.posts)]
        for name, edit in HOSTILE.items():
            hidden = pairs(texts, edit, rng)
            shown = [(hostile, plain) for plain, hostile in hidden]
            wrong[f"safe, then {name}, {count}"] = taken(hidden, violates=False)
            wrong[f"{name}, then without, {count}"] = taken(shown, violates=True)
    spent = cost(harmless)
    _tell("copies in a wave that take the verdict, which is right", right)
    _tell("and in an attack on so many joined posts, which is wrong", wrong)
    print(f"looking up: {spent.equal_us:.0f} us a post if equal, {spent.near_us:.0f} if nearly")
    report = {"right": right, "wrong": wrong}
    said = {n: {k: asdict(v) for k, v in each.items()} for n, each in report.items()}
    options.json.write_text(json.dumps(said | {"cost": asdict(spent)}, indent=2))


def _tell(title: str, found: dict[str, Taken]) -> None:
    print(title)
    for name, each in found.items():
        print(f"  {name:36}{each.copies:7,}{each.share:9.2%}")


if __name__ == "__main__":
    main()
