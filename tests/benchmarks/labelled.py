"""How right the final labels are, on public labelled sets: ``--data FOLDER`` names where they lie.

``python -m tests.benchmarks.labelled --data FOLDER [--set NAME] [--out FILE]`` runs the demo's job,
with the stand-in judge, over a set, and compares what BigQuery's labels view says of each post with
the set's labels. *Indeterminate* and *undecided* count as not flagged. ``unseen`` are the posts
that the starter screen was tested with: no head has learned from them or was calibrated with them.
Options that are not its own are the job's.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path

import pyarrow as pa

from tests.benchmarks.throughput import Stacks
from weir.pipelines.demo import fill, local_stack, moderate_once, query
from weir.pipelines.posts import read_posts
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.decode import DecodeSettings
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.labelled import LabelledSet, golden_examples, public_sets
from weir.transforms.text.normalise import normalise

TEST_SHARE = 0.2  # of the posts, by their draw: the starter that ships has not learned from them
SETS = ("openai_moderation_2022", "davidson")
_LABELS = """
SELECT content_id, policy_id, label FROM `{dataset}.labels` WHERE run = @run
"""


@dataclass(frozen=True)
class Score:
    """How the labels of one policy compare; shares in [0, 1], None where there are none."""

    posts: int
    positives: int
    flagged: int
    cleared_positives: int  # missed by the screen, so never judged
    indeterminate_positives: int
    precision: float | None
    recall: float | None
    recall_of_the_screen: float | None


def score(truth: Mapping[str, bool], labels: Mapping[str, str]) -> Score:
    """Compare what is true of posts with their labels, both by content id."""
    positives = [i for i, violates in truth.items() if violates]
    flagged = [i for i in truth if labels[i] == "violates"]
    right = sum(truth[i] for i in flagged)
    cleared = sum(labels[i] == "cleared" for i in positives)
    return Score(
        posts=len(truth),
        positives=len(positives),
        flagged=len(flagged),
        cleared_positives=cleared,
        indeterminate_positives=sum(labels[i] == "indeterminate" for i in positives),
        precision=right / len(flagged) if flagged else None,
        recall=right / len(positives) if positives else None,
        recall_of_the_screen=1 - cleared / len(positives) if positives else None,
    )


def test_texts(sets: list[LabelledSet]) -> set[str]:
    """Return the normalised posts that the starter screen was tested with."""
    corpus = Corpus.of([*sets, golden_examples(load_policies(LIBRARY))], ())
    return set(compress(corpus.texts.to_pylist(), corpus.draw >= 1 - TEST_SHARE))


def measure(
    labelled: LabelledSet, tested: set[str], stack: Stacks, arguments: Sequence[str]
) -> dict[str, object]:
    """Run the job over a set; return its counts, seconds and scores by policy."""
    with tempfile.TemporaryDirectory() as folder, stack() as local:
        posts = Path(folder) / "posts.jsonl"
        with posts.open("w", encoding="utf-8") as lines:
            for number, post in enumerate(labelled.posts):
                lines.write(json.dumps({"id": str(number), "text": post.text}) + "\n")
        sent = fill(local, read_posts(posts, DecodeSettings()).messages)
        started = time.time()
        report = moderate_once(local, arguments, run="labelled")
        seconds = time.time() - started
        rows = query(local.bigquery, _LABELS, "labelled")
    labels: dict[str, dict[str, str]] = {}
    for row in rows:
        labels.setdefault(row["policy_id"], {})[row["content_id"]] = row["label"]
    texts = normalise(pa.array([post.text for post in labelled.posts])).to_pylist()
    unseen = [text in tested for text in texts]
    scores: dict[str, dict[str, object]] = {}
    for policy_id in sorted({p for post in labelled.posts for p in post.labels}):
        truth = {
            str(number): post.labels[policy_id]
            for number, post in enumerate(labelled.posts)
            if policy_id in post.labels
        }
        scores[policy_id] = {
            "all": asdict(score(truth, labels[policy_id])),
            "unseen": asdict(
                score({i: v for i, v in truth.items() if unseen[int(i)]}, labels[policy_id])
            ),
        }
    return {
        "set": labelled.name,
        "sent": sent,
        "seconds": seconds,
        "counts": report.to_json(),
        "policies": scores,
    }


def main(argv: Sequence[str] | None = None, stack: Stacks = local_stack) -> None:
    """Measure the sets, print a table, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", action="append", choices=SETS, dest="sets")
    parser.add_argument("--out", type=Path, default=Path("labelled.json"))
    options, of_job = parser.parse_known_args(argv)
    wanted = options.sets or SETS
    sets = public_sets(options.data)
    tested = test_texts(sets)
    measured = [measure(each, tested, stack, of_job) for each in sets if each.name in wanted]
    options.out.write_text(json.dumps(measured, indent=2) + "\n")
    for result in measured:
        _print(result)
    print(f"\nall of it is in {options.out}")


def _print(result: dict) -> None:
    counts = result["counts"]
    print(f"\n{result['set']}: {result['sent']:,} posts in {result['seconds']:.1f} s")
    print({k: v for k, v in counts.items() if k != "policies"})
    print(f"{'policy':16}{'posts':>8}{'true':>7}{'flagged':>9}{'precision':>11}{'recall':>8}"
          f"{'screen':>8}  (unseen: precision recall screen)")  # fmt: skip
    for policy_id, scores in result["policies"].items():
        every, unseen = scores["all"], scores["unseen"]
        print(
            f"{policy_id:16}{every['posts']:8}{every['positives']:7}{every['flagged']:9}"
            f"{_share(every['precision']):>11}{_share(every['recall']):>8}"
            f"{_share(every['recall_of_the_screen']):>8}   {_share(unseen['precision'])}"
            f" {_share(unseen['recall'])} {_share(unseen['recall_of_the_screen'])}"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
