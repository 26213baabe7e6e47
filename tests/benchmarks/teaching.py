"""What the judge's verdicts make of a screen, on streams whose violations taught it nothing.

    python -m tests.benchmarks.teaching --data FOLDER [--runs 100] [--json FILE]

Three ordinary streams, each with 2 % of posts of a labelled set that violate; neither the set nor
the stream has taught the screen that a run begins with. A simulated judge misses a tenth of the
violations and calls 1 % of the other pairs violating. Posts go through the functions that a worker
calls, at ``--requests`` of every policy together for 1,000 posts, audits and lessons included: half
of the verdicts make a candidate, the others compare it in shadow. What comes after them measures.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.benchmarks.teaching_streams import Posts, base_screen, stream_of
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import PolicySet
from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.live_certificate import Judged, certify
from weir.transforms.screen.model import Scored, Screen, score_all
from weir.transforms.screen.route import (
    AUDIT,
    ESCALATE,
    ROUTES,
    Codes,
    ScreenSettings,
    goes_to_judge,
)
from weir.transforms.screen.second_stage.encoder import Encoder
from weir.transforms.screen.teaching.lessons import JudgedPost, choose_lessons
from weir.transforms.screen.teaching.promotion import Differences, Step, decide, total
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.decide import Applied, Start, StreamShares, routed_posts
from weir.transforms.screen.training.labelled import (
    golden_examples,
    ordinary_streams,
    public_sets,
)
from weir.transforms.screen.training.reader_fit import AlreadyRead
from weir.transforms.screen.training.refit import refit

# Stream, labelled set, and what else comes from the same places: none of it teaches the base.
STREAMS = (
    ("reddit", "openai_moderation_2022", ("bank_questions",)),
    ("wikipedia_ordinary", "wikipedia_talk", ("wikipedia_toxic", "product_reviews")),
    ("bank_questions", "davidson", ("reddit",)),
)
MISSES, FALSE_ALARMS = 0.1, 0.01  # of the judge
VERDICTS = 1000
REQUESTS = 200.0
AUDIT_RATE, LESSON_RATE = 0.005, 0.001
HISTORY = 0.15  # of the posts: thresholds begin with them, as a job's do
TEST = 0.3  # of the posts, at least, come after the verdicts
MARGIN = 0.02  # of recall
_BATCH = 200
_RUN_DAY = date(2026, 11, 2)


@dataclass(frozen=True)
class Result:
    """One run, measured on the posts after its verdicts; shares in [0, 1]."""

    verdicts: int
    promoted: bool
    attempts_won: float  # what bets on the candidate made of a stake
    requests_per_1000: float
    untouched: float
    recall: float  # of the violations that the judge confirms
    recall_of_calls: float  # of all that it calls violating, its false alarms among them
    recall_before: float  # of the screen that the run began with, at the same cost
    recall_candidate: float  # of what has learned, promoted or not
    requests_candidate: float
    untouched_candidate: float
    covered: bool  # the live certificates of all policies, over the whole run
    promised: float | None  # the lowest of them

    @property
    def harmed(self) -> bool:
        """Return whether a promotion cost recall."""
        return self.promoted and self.recall < self.recall_before - MARGIN


@dataclass(frozen=True)
class Requests:
    """What is asked for 1,000 posts, while verdicts teach and after, and the shares of it."""

    after: float = REQUESTS
    teaching: float = REQUESTS
    audits: float = AUDIT_RATE
    lessons: float = LESSON_RATE
    learn: float = 0.5  # of the verdicts; the others compare


class Stream:
    """A stream as it goes by: what a worker decides of it, and what the judge says."""

    def __init__(
        self,
        posts: Posts,
        policies: PolicySet,
        seed: int,
        asked: "Requests",
        salt: str,
    ) -> None:
        self.posts, self.policies, self.asked = posts, policies, asked
        random = np.random.default_rng(seed)
        draws = random.random(posts.violates.shape)
        self.calls = np.where(posts.violates, draws >= MISSES, draws < FALSE_ALARMS)
        self.settings = ScreenSettings(
            salt, "c", audit_rate=asked.audits, lesson_rate=asked.lessons, audit_salt=salt
        )
        self.ids = pa.array([f"{salt}:{row}" for row in range(len(posts.texts))], pa.string())

    def applied(self, screen: Screen, read: Scored, history: slice, requests: float) -> Applied:
        """Return the thresholds of a screen that begin with what has gone by."""
        start = Start.of_read(screen, _part(read, history))
        shares = StreamShares(Asked(per_1000=requests), (start,))
        rate = self.settings.audit_rate + self.settings.lesson_rate
        return Applied(screen, self.policies, shares, self.settings.run, rate)

    def batches(self, rows: slice) -> Iterator[slice]:
        """Yield the posts of a part, some at a time."""
        for start in range(rows.start, rows.stop, _BATCH):
            yield slice(start, min(start + _BATCH, rows.stop))


def _part(read: Scored, rows: slice) -> Scored:
    return Scored([each[rows] for each in read.scores], read.empty[rows], read.languages[rows])


def _both(one: Scored, other: Scored) -> Scored:
    return Scored([*one.scores, *other.scores], one.empty, one.languages)


@dataclass
class _Went:
    """What has gone by."""

    codes: list[Codes] = field(default_factory=list)
    judged: dict[str, list[JudgedPost]] = field(default_factory=dict)
    verdicts: int = 0
    differences: list[tuple[str, Differences]] = field(default_factory=list)
    audited: dict[tuple[str, float], list[int]] = field(default_factory=dict)


def run(base: Screen, read: Scored, stream: Stream, verdicts: int = VERDICTS) -> Result:
    """Let a stream go by; ``read`` is what the base makes of its posts."""
    count, went = len(stream.posts.texts), _Went()
    position, last = round(HISTORY * count), count - round(TEST * count)
    history = slice(0, position)
    asked = stream.asked
    live = stream.applied(base, read, history, asked.teaching)
    candidate, compared, decision = None, read, None
    promoted = False
    for rows in stream.batches(slice(position, last)):
        if went.verdicts >= verdicts:
            break
        applied = [live] if candidate is None or promoted else [live, candidate]
        _go(stream, applied, _part(compared, rows), rows, went)
        position = rows.stop
        if candidate is None and went.verdicts >= verdicts * asked.learn < verdicts:
            screen, of_candidate = _taught(base, stream, went, position)
            candidate = stream.applied(screen, of_candidate, slice(0, position), asked.teaching)
            compared = _both(read, of_candidate)
        elif candidate is not None and not promoted:
            decision = decide(total(went.differences), attempt=1)
            if decision.step == Step.PROMOTE:
                promoted, live, compared = True, candidate, of_candidate
    if candidate is None:
        screen, of_candidate = _taught(base, stream, went, position)
    rest = slice(last, count)
    measured = [
        _measure(stream, stream.applied(*each, slice(0, position), asked.after), each[1], rest)
        for each in ((base, read), (screen, of_candidate))
    ]
    now = measured[-1] if promoted else measured[0]
    return Result(
        verdicts=went.verdicts,
        promoted=promoted,
        attempts_won=decision.e_value if decision else 0.0,
        requests_per_1000=now.requests,
        untouched=now.untouched,
        recall=now.recall,
        recall_of_calls=now.recall_of_calls,
        recall_before=measured[0].recall,
        recall_candidate=measured[1].recall,
        requests_candidate=measured[1].requests,
        untouched_candidate=measured[1].untouched,
        **_certified(stream, went),
    )


def _taught(base: Screen, stream: Stream, went: _Went, position: int) -> tuple[Screen, Scored]:
    """Return what the verdicts make of a screen, and what that makes of the stream."""
    lessons, _ = choose_lessons(went.judged)
    latest = stream.posts.texts[max(0, position - 2000) : position]
    screen = refit(base, lessons, latest)
    return screen, score_all([screen], pa.array(stream.posts.texts, pa.string()))


def _go(stream: Stream, applied: Sequence[Applied], read: Scored, rows: slice, went: _Went) -> None:
    """Let a batch go by, as the step of the graph does."""
    routed = routed_posts(stream.ids[rows], applied, read, stream.settings)
    codes, calls = routed.codes, stream.calls[rows]
    went.codes.append(codes)
    went.verdicts += int(goes_to_judge(codes).sum())
    chance = np.where(codes == ESCALATE, 1.0, stream.settings.lesson_rate)
    chance = np.where(codes == AUDIT, routed.audit_rates, chance)
    for row, column in np.argwhere(goes_to_judge(codes)).tolist():
        post = JudgedPost(
            stream.posts.texts[rows.start + row],
            bool(calls[row, column]),
            ROUTES[codes[row, column]],
            float(routed.decided[0].scores[row, column]),
            float(chance[row, column]),
            _RUN_DAY,
        )
        policy_id = stream.policies.policies[column].policy_id
        went.judged.setdefault(policy_id, []).append(post)
        if codes[row, column] == AUDIT:
            seen = went.audited.setdefault((policy_id, float(chance[row, column])), [0, 0])
            seen[0] += 1
            seen[1] += bool(calls[row, column])
    for shadow in routed.shadow_codes:
        went.differences += _differences(stream, routed.audit_rates, codes, shadow, calls)


def _differences(
    stream: Stream, rates: Floats, codes: Codes, shadow: Codes, calls: Mask
) -> Iterator[tuple[str, Differences]]:
    gained = (shadow == ESCALATE) & (codes == AUDIT)
    lost = (codes == ESCALATE) & (shadow != ESCALATE)
    for column, policy in enumerate(stream.policies.policies):
        for rate in np.unique(rates[gained[:, column], column]).tolist():
            seen = gained[:, column] & (rates[:, column] == rate)
            found = int((seen & calls[:, column]).sum())
            yield policy.policy_id, Differences(((rate, found),), audits=int(seen.sum()))
        yield policy.policy_id, Differences(lost=int((lost & calls)[:, column].sum()))


@dataclass(frozen=True)
class _Measured:
    requests: float
    untouched: float
    recall: float
    recall_of_calls: float


def _measure(stream: Stream, applied: Applied, read: Scored, rest: slice) -> _Measured:
    went = _Went()
    for rows in stream.batches(rest):
        _go(stream, [applied], _part(read, rows), rows, went)
    codes, calls = np.concatenate(went.codes), stream.calls[rest]
    sent = codes == ESCALATE
    confirmed = calls & stream.posts.violates[rest]
    return _Measured(
        1000 * float(goes_to_judge(codes).sum()) / len(codes),
        float((~goes_to_judge(codes).any(axis=1)).mean()),
        float((sent & confirmed).sum() / max(1, confirmed.sum())),
        float((sent & calls).sum() / max(1, calls.sum())),
    )


def _certified(stream: Stream, went: _Went) -> dict[str, Any]:
    """Return whether the certificate of every policy holds of the posts gone by."""
    codes = np.concatenate(went.codes)
    first = round(HISTORY * len(stream.posts.texts))
    calls = stream.calls[first : first + len(codes)]
    held, lowest = True, []
    for column, policy in enumerate(stream.policies.policies):
        sent, called = codes[:, column] == ESCALATE, calls[:, column]
        audits = [
            (probability, seen[0], seen[1])
            for (policy_id, probability), seen in went.audited.items()
            if policy_id == policy.policy_id
        ]
        found = certify(Judged(int((sent & called).sum()), tuple(audits)))
        drawn = codes[:, column] == ROUTES.index("lesson")
        truth = int((called & ~drawn).sum())
        if found is not None and truth:
            held &= found.recall <= float((sent & called).sum()) / truth + 1e-12
            lowest.append(found.recall)
    return {"covered": bool(held), "promised": min(lowest, default=None)}


def summary(results: Sequence[Result]) -> dict[str, float]:
    """Return means over runs, and the shares of runs with something."""
    means = (
        *("requests_per_1000", "untouched", "recall", "recall_of_calls", "recall_before"),
        *("recall_candidate", "requests_candidate", "untouched_candidate"),
    )
    return {
        "runs": len(results),
        "verdicts": float(np.mean([r.verdicts for r in results])),
        **{name: float(np.mean([getattr(r, name) for r in results])) for name in means},
        "spread_candidate": float(np.std([r.recall_candidate for r in results])),
        "promoted": float(np.mean([r.promoted for r in results])),
        "harmed": float(np.mean([r.harmed for r in results])),
        "covered": float(np.mean([r.covered for r in results])),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write it as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--posts", type=int, default=10_000, help="of a stream, at most")
    parser.add_argument("--requests", type=float, default=REQUESTS)
    parser.add_argument("--teaching", type=float, help="requests while verdicts teach")
    parser.add_argument("--audit-rate", type=float, default=AUDIT_RATE)
    parser.add_argument("--lesson-rate", type=float, default=LESSON_RATE)
    parser.add_argument("--learn", type=float, default=0.5, help="share of the verdicts that teach")
    parser.add_argument("--verdicts", type=int, nargs="+", default=[VERDICTS])
    parser.add_argument("--stream", action="append", choices=[s[0] for s in STREAMS])
    parser.add_argument("--first", action="store_true", help="the linear heads alone")
    parser.add_argument("--kept", type=Path, default=Path("teaching-kept"), help="scratch folder")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    policies = load_policies(LIBRARY)
    policy_ids = [policy.policy_id for policy in policies.policies]
    sets = {each.name: each for each in public_sets(options.data)}
    ordinary = {each.name: each for each in ordinary_streams(options.data, policy_ids)}
    examples = golden_examples(policies)
    encoder: Any = None if options.first else AlreadyRead(Encoder.load())
    options.kept.mkdir(parents=True, exist_ok=True)
    if encoder:
        encoder.load(options.kept / "read.npz")
    asked = Requests(
        options.requests,
        options.teaching or options.requests,
        options.audit_rate,
        options.lesson_rate,
        options.learn,
    )
    found: dict[str, dict[str, dict[str, float]]] = {}
    _print_heading()
    for name, of_violations, beside in STREAMS:
        if options.stream and name not in options.stream:
            continue
        out = {name, of_violations, *beside}
        taught = [s for s in (*sets.values(), *ordinary.values(), examples) if s.name not in out]
        base = base_screen(taught, policy_ids, encoder, options.kept / name)
        whole = (ordinary[name], sets[of_violations], policy_ids)
        for verdicts in options.verdicts:
            results = []
            for seed in range(options.runs):
                posts = stream_of(*whole, seed, options.posts)
                read = score_all([base], pa.array(posts.texts, pa.string()))
                stream = Stream(posts, policies, seed, asked, f"{name}{verdicts}{seed}")
                results.append(run(base, read, stream, verdicts))
            found.setdefault(name, {})[str(verdicts)] = summary(results)
            _print(name, found[name][str(verdicts)])
            if encoder:
                encoder.keep(options.kept / "read.npz")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def _print_heading() -> None:
    print(f"{'':20}{'verdicts':>9}{'requests':>9}{'untouched':>10}{'recall':>8}{'of calls':>9}"
          f"{'before':>8}{'candidate':>10}{'its requests':>13}{'untouched':>10}"
          f"{'promoted':>9}{'harmed':>8}{'covered':>8}")  # fmt: skip


def _print(name: str, row: Mapping[str, float]) -> None:
    print(f"{name:20}{row['verdicts']:9,.0f}{row['requests_per_1000']:9,.0f}"
          f"{row['untouched']:10.2f}{row['recall']:8.3f}{row['recall_of_calls']:9.3f}"
          f"{row['recall_before']:8.3f}{row['recall_candidate']:10.3f}"
          f"{row['requests_candidate']:13,.0f}{row['untouched_candidate']:10.2f}{row['promoted']:9.2f}"
          f"{row['harmed']:8.2f}{row['covered']:8.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
