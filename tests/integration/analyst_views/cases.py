"""Runs of many posts as they are stored, and what happened in them."""

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tests.integration.stored import put
from tests.rows import deferral, human_label, screening, verdict
from weir.pipelines.demo import query

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """A verdict on a pair."""

    version: str
    hour: int
    outcome: str
    probability: float
    cached: bool
    tokens: int
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """All that happened to one post under one policy."""

    offset: int
    at: datetime
    policy: str
    route: str
    answers: tuple[Answer, ...] = ()
    deferred: bool = False
    review: tuple[str, str] | None = None  # version and decision
    weight: float = 1.0

    @property
    def day(self):
        return self.at.date()

    @property
    def mode(self):
        return "shadow" if self.policy == "hate" else "enforce"

    @property
    def last(self):
        return max(self.answers, key=lambda answer: answer.hour, default=None)

    @property
    def machine(self):
        if self.last:
            return self.last.outcome
        return "cleared" if self.route == "clear" else "undecided"

    @property
    def human(self):
        if self.review is None:
            return None
        version, outcome = self.review
        return outcome if self.last is None or self.last.version == version else None

    @property
    def label(self):
        return self.human or self.machine


def drawn(seed, share=0.5, posts=150):
    """Return the pairs of a run that records this share of the posts that all policies cleared."""
    draw, pairs = random.Random(seed), []
    for offset in range(posts):
        at = NOON + timedelta(days=offset % 2, minutes=offset)
        of_post = [pair(draw, offset, at, policy) for policy in ("hate", "spam")]
        if all(each.route == "clear" for each in of_post):
            if draw.random() >= share:
                continue
            of_post = [replace(each, weight=1 / share, review=None) for each in of_post]
        pairs += of_post
    return pairs


def pair(draw, offset, at, policy):
    (route,) = draw.choices(["clear", "escalate", "audit", "forced"], [6, 4, 2, 1])
    answers = ()
    if route != "clear" and draw.random() < 0.8:
        versions = draw.choice([("v1",), ("v2",), ("v1", "v2")])
        answers = tuple(answer(draw, version) for version in versions)
    review = None
    if draw.random() < 0.3:
        review = (draw.choice(["v1", "v2"]), draw.choice(["violates", "safe"]))
    return Pair(
        offset, at, policy, route, answers, deferred=route != "clear" and not answers, review=review
    )


def answer(draw, version):
    return Answer(
        version,
        hour={"v1": 1, "v2": 5}[version],
        outcome=draw.choice(["violates", "safe", "indeterminate"]),
        probability=draw.choice([0.1, 0.5, 0.9]),
        cached=draw.random() < 0.3,
        tokens=draw.randrange(100),
        categories=tuple(draw.sample(["a", "b"], draw.randrange(3))),
    )


def store(settings, run, pairs, share=0.5):
    """Write the rows of a run in no order, a third of them twice."""
    tables: dict[str, list] = {
        "screenings": [],
        "verdicts": [],
        "deferrals": [],
        "human_labels": [],
    }
    for offset in sorted({each.offset for each in pairs}):
        of_post = [each for each in pairs if each.offset == offset]
        stored = {
            "created_at": of_post[0].at,
            "mode": "enforce",
            "shadow_policies": ["hate"],
            "recorded_probability": 1 / of_post[0].weight,
            "record_cleared": share,
        }
        routes = {each.policy: each.route for each in of_post}
        tables["screenings"].append(screening(run, offset, stored=stored, **routes))
    for each in pairs:
        known = {"created_at": each.at, "route": each.route}
        for said in each.answers:
            tables["verdicts"].append(judged(run, each, said, known))
        if each.deferred:
            tables["deferrals"].append(deferral(run, each.offset, each.policy, **known))
        if each.review:
            version, outcome = each.review
            first = human_label(run, each.offset, each.policy, "violates", created_at=each.at)
            later = {"human_verdict": outcome, "policy_version": version, "reviewer": "bea"}
            again = first | later | {"reviewed_at": NOON + timedelta(days=9)}
            tables["human_labels"] += [again, first]
        if each.offset % 3 == 0:
            tables["human_labels"] += taken_back(run, each)
    shuffled = random.Random(1)
    for table, rows in tables.items():
        twice = rows + shuffled.sample(rows, len(rows) // 3)
        shuffled.shuffle(twice)
        put(settings, table, twice)


def taken_back(run, each):
    """Return a decision that comes after all others, and that its reviewer has undone."""
    version = each.last.version if each.last else "v1"
    said = {"reviewer": "cyd", "policy_version": version, "created_at": each.at}
    return [
        human_label(
            *(run, each.offset, each.policy, outcome),
            reviewed_at=NOON + timedelta(days=days),
            **said,
        )
        for days, outcome in ((10, "violates"), (11, "undone"))
    ]


def judged(run, each, said, known):
    changes = {
        "policy_version": said.version,
        "mode": each.mode,
        "judged_at": NOON + timedelta(hours=said.hour),
        "probability": said.probability,
        "cached": said.cached,
        "tokens_in": said.tokens,
        "tokens_cached": said.tokens // 2,
        "tokens_policy": said.tokens // 4,
        "tokens_out": 7,
        "latency_ms": float(said.tokens),
        "inclusion_probability": 0.25 if each.route == "audit" else 1.0,
        "categories": list(said.categories),
        "text": f"post {each.offset}",
    }
    return verdict(run, each.offset, each.policy, said.outcome, **known | changes)


def rows_of(settings, view, run):
    return query(settings, f"SELECT * FROM `{{dataset}}.{view}` WHERE run = @run", run)


def grouped(pairs, *names):
    groups = defaultdict(list)
    for each in pairs:
        groups[tuple(getattr(each, name) for name in names)].append(each)
    return groups
