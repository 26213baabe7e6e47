"""What the judge's verdicts make of a screen, on streams whose violations taught it nothing.

    python -m tests.benchmarks.teaching --data FOLDER [--runs 100] [--json FILE]

Three ordinary streams, each with 2 % of posts of a labelled set that violate; neither the set nor
the stream has taught the screen that a run begins with. A simulated judge misses a tenth of the
violations and calls 1 % of the other pairs violating. Posts go through the functions that a worker
and a look at the tables call: a first candidate learns from FIRST verdicts, the next from GROWTH
times as many, each is compared in shadow and decides once it has proved better, and one more has
learned from all verdicts at the end. What comes after them measures, audits and lessons included.
A short stream is asked as much more often as it takes for all verdicts to come before that.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.benchmarks.teaching_results import (
    Measured,
    Result,
    print_heading,
    print_row,
    summary,
)
from tests.benchmarks.teaching_streams import (
    Known,
    Posts,
    all_posts,
    base_screen,
    draw_stream,
)
from weir.pipelines.screening.teaching import FIRST, GROWTH
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import PolicySet
from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.live_certificate import Judged, certify
from weir.transforms.screen.model import Scored, Screen
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
from weir.transforms.screen.teaching.promotion import Differences, Step, decide
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.decide import Applied, Start, StreamShares, routed_posts
from weir.transforms.screen.training.labelled import (
    golden_examples,
    ordinary_streams,
    public_sets,
)
from weir.transforms.screen.training.readings import AlreadyRead
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
AUDIT_RATE, LESSON_RATE = 0.001, 0.0005
HISTORY = 0.06  # of the posts: thresholds begin with them, as a job's do
TEST = 0.25  # of the posts, at least, come after the verdicts
MARGIN = 0.02  # of recall
_BATCH = 200
_RUN_DAY = date(2026, 11, 2)


@dataclass(frozen=True)
class Requests:
    """What is asked for 1,000 posts, while verdicts teach and after, and the shares of it."""

    after: float = REQUESTS
    teaching: float | None = None  # None: as after, or what the stream's length takes
    audits: float = AUDIT_RATE
    lessons: float = LESSON_RATE

    def while_teaching(self, posts: int, verdicts: int) -> float:
        """Return what is asked while so many posts have to give so many verdicts."""
        return self.teaching or max(self.after, 1000 * verdicts / posts)


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


@dataclass
class _Went:
    """What has gone by."""

    codes: list[Codes] = field(default_factory=list)
    judged: dict[str, list[JudgedPost]] = field(default_factory=dict)
    verdicts: int = 0
    differences: list[Differences] = field(default_factory=list)  # of each candidate compared
    audited: dict[tuple[str, float], list[int]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Deciding:
    """A screen, what it makes of the stream, and its thresholds."""

    screen: Screen
    read: Scored
    applied: Applied


class _Shadow:
    """What is in shadow beside what decides, as looks at the tables have it."""

    def __init__(self) -> None:
        self.candidate: _Deciding | None = None
        self.attempts, self.promoted, self.withdrawn = 0, 0, 0
        self.returning = False  # what decided before
        self.e_values: list[float] = []

    def look(self, live: _Deciding, went: _Went) -> _Deciding:
        """Return what decides from now on."""
        if self.candidate is None:
            return live
        attempt = 0 if self.returning else self.attempts
        decision = decide(went.differences, attempt)
        if not self.returning:
            self.e_values[-1] = decision.e_value
        if decision.step == Step.WAIT:
            return live
        if decision.step == Step.WITHDRAW:
            self.withdrawn += not self.returning
            self.candidate = None
            return live
        went.differences = [Differences()]
        self.promoted += 1 if not self.returning else -1
        self.returning = not self.returning
        decides, self.candidate = self.candidate, live
        return decides

    def put(self, candidate: _Deciding, went: _Went) -> None:
        """Compare another one from now on."""
        if self.returning:
            went.differences.clear()
        went.differences.append(Differences())
        self.candidate, self.returning = candidate, False
        self.attempts += 1
        self.e_values.append(1.0)


def run(base: Screen, known: Known, stream: Stream, verdicts: int = VERDICTS) -> Result:
    """Let a stream go by; ``known`` is what is known of all posts."""
    count, went, shadow = len(stream.posts.texts), _Went(), _Shadow()
    position, last = round(HISTORY * count), count - round(TEST * count)
    asked = stream.asked.while_teaching(last - position, verdicts)
    begin = position

    def deciding(screen: Screen, requests: float) -> _Deciding:
        read = known.read(screen, stream.posts)
        return _Deciding(screen, read, stream.applied(screen, read, slice(0, position), requests))

    live, needed = deciding(base, asked), FIRST
    for rows in stream.batches(slice(position, last)):
        if went.verdicts >= verdicts:
            break
        both = [live] if shadow.candidate is None else [live, shadow.candidate]
        _go(stream, both, rows, went)
        position = rows.stop
        live = shadow.look(live, went)
        if needed <= went.verdicts < verdicts:
            shadow.put(deciding(_taught(live.screen, stream, went, position), asked), went)
            needed = round(GROWTH * went.verdicts)
    learned = _taught(live.screen, stream, went, position)
    rest = slice(last, count)
    before, now, then = (
        _measure(stream, deciding(screen, stream.asked.after), rest)
        for screen in (base, live.screen, learned)
    )
    return Result(
        verdicts=went.verdicts,
        before=before,
        decides=now,
        learned=then,
        promoted=shadow.promoted,
        withdrawn=shadow.withdrawn,
        e_values=tuple(shadow.e_values),
        harmed=shadow.promoted > 0 and now.recall < before.recall - MARGIN,
        **_certified(stream, went, begin),
    )


def _taught(screen: Screen, stream: Stream, went: _Went, position: int) -> Screen:
    """Return what the verdicts make of a screen."""
    lessons, _ = choose_lessons(went.judged)
    return refit(screen, lessons, stream.posts.texts[max(0, position - 2000) : position])


def _go(stream: Stream, deciding: Sequence[_Deciding], rows: slice, went: _Went) -> None:
    """Let a batch go by, as the step of the graph does."""
    first = deciding[0].read
    read = Scored(
        [each.read.scores[0][rows] for each in deciding], first.empty[rows], first.languages[rows]
    )
    applied = [each.applied for each in deciding]
    routed = routed_posts(stream.ids[rows], applied, read, stream.settings, time.time())
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
        went.differences[-1] += _differences(routed.audit_rates, codes, shadow, calls)


def _differences(rates: Floats, codes: Codes, shadow: Codes, calls: Mask) -> Differences:
    gained = (shadow == ESCALATE) & (codes == AUDIT)
    lost = (codes == ESCALATE) & (shadow != ESCALATE)
    found = [
        (rate, int((gained & calls & (rates == rate)).sum()))
        for rate in np.unique(rates[gained]).tolist()
    ]
    return Differences(tuple(found), int((lost & calls).sum()), int(gained.sum()))


def _measure(stream: Stream, deciding: _Deciding, rest: slice) -> Measured:
    went = _Went()
    for rows in stream.batches(rest):
        _go(stream, [deciding], rows, went)
    codes, calls = np.concatenate(went.codes), stream.calls[rest]
    sent = codes == ESCALATE
    confirmed = calls & stream.posts.violates[rest]
    return Measured(
        1000 * float(goes_to_judge(codes).sum()) / len(codes),
        float((~goes_to_judge(codes).any(axis=1)).mean()),
        float((sent & confirmed).sum() / max(1, confirmed.sum())),
        float((sent & calls).sum() / max(1, calls.sum())),
    )


def _certified(stream: Stream, went: _Went, first: int) -> dict[str, Any]:
    """Return whether the certificate of every policy holds of the posts gone by."""
    codes = np.concatenate(went.codes)
    calls = stream.calls[first : first + len(codes)]
    held, lowest = True, []
    for column, policy in enumerate(stream.policies.policies):
        sent, called = codes[:, column] == ESCALATE, calls[:, column]
        # The rate of what no audit took yet counts too: most of what is cleared is of it.
        seen = {(policy.policy_id, stream.settings.audit_rate): [0, 0]} | went.audited
        audits = [
            (probability, counts[0], counts[1])
            for (policy_id, probability), counts in seen.items()
            if policy_id == policy.policy_id
        ]
        found = certify(Judged(int((sent & called).sum()), tuple(audits)))
        drawn = codes[:, column] == ROUTES.index("lesson")
        truth = int((called & ~drawn).sum())
        if found is not None and truth:
            held &= found.recall <= float((sent & called).sum()) / truth + 1e-12
            lowest.append(found.recall)
    return {"covered": bool(held), "promised": min(lowest, default=None)}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write it as JSON where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--first-run", type=int, default=0, help="runs draw by numbers from it on")
    parser.add_argument("--posts", type=int, default=10_000, help="of a stream, at most")
    parser.add_argument("--requests", type=float, default=REQUESTS)
    parser.add_argument("--teaching", type=float, help="requests while verdicts teach, if others")
    parser.add_argument("--audit-rate", type=float, default=AUDIT_RATE)
    parser.add_argument("--lesson-rate", type=float, default=LESSON_RATE)
    parser.add_argument("--verdicts", type=int, nargs="+", default=[VERDICTS])
    parser.add_argument("--stream", action="append", choices=[s[0] for s in STREAMS])
    parser.add_argument("--first", action="store_true", help="the linear heads alone")
    parser.add_argument("--kept", type=Path, default=Path("teaching-kept"), help="scratch folder")
    parser.add_argument("--each", action="store_true", help="print a line a run, too")
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
    asked = Requests(options.requests, options.teaching, options.audit_rate, options.lesson_rate)
    found: dict[str, dict[str, Any]] = {}
    print_heading()
    for name, of_violations, beside in STREAMS:
        if options.stream and name not in options.stream:
            continue
        out = {name, of_violations, *beside}
        taught = [s for s in (*sets.values(), *ordinary.values(), examples) if s.name not in out]
        base = base_screen(taught, policy_ids, encoder, options.kept / name)
        posts = all_posts(ordinary[name], sets[of_violations], policy_ids)
        known = Known.of(base, posts.texts)
        if encoder:
            encoder.keep(options.kept / "read.npz")
        for verdicts in options.verdicts:
            results = []
            for seed in range(options.first_run, options.first_run + options.runs):
                drawn = draw_stream(posts, seed, options.posts)
                stream = Stream(drawn, policies, seed, asked, f"{name}{verdicts}{seed}")
                results.append(run(base, known, stream, verdicts))
                if options.each:
                    print_row(f"{name} {seed}", summary(results[-1:]))
            whole = summary(results)
            runs = [asdict(each) for each in results]
            found.setdefault(name, {})[str(verdicts)] = whole | {"each": runs}
            print_row(name, whole)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
