"""Decisions of a run as they are stored."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.integration.stored import put
from tests.rows import deferral, screening, verdict
from weir.pipelines.demo import query
from weir.transforms.screen.live_recall import Sample

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Decision(NamedTuple):
    """What became of one post and policy; ``outcome`` is None while it waits to be judged."""

    offset: int
    policy: str
    at: datetime
    route: str
    outcome: str | None = None
    chance: float = 1.0


def store(settings, run, decisions, version="s1", at=NOON, audit_rate=None):
    """Write the rows of a run, as a job would that processes them at this time."""
    routes: dict = {}
    verdicts, deferrals = [], []
    for d in decisions:
        screened = "audit" if d.route == "deferred" else d.route
        routes.setdefault((d.offset, d.at), {})[d.policy] = screened
        row = {"created_at": d.at, "screen_version": version, "route": d.route}
        row["inclusion_probability"] = d.chance
        if d.outcome:
            text = f"post {d.offset}, with a comma"
            row |= {"judged_at": at, "text": text}
            verdicts.append(verdict(run, d.offset, d.policy, d.outcome, **row))
        elif d.route != "clear":
            deferrals.append(deferral(run, d.offset, d.policy, **row | {"deferred_at": at}))
    screened = [
        screening(run, offset, screened_at=at, screen_version=version, **chosen)
        | {"created_at": created, "audit_rate": audit_rate}
        for (offset, created), chosen in routes.items()
    ]
    for table, rows in (
        ("screenings", screened),
        ("verdicts", verdicts),
        ("deferrals", deferrals),
    ):
        if rows:
            put(settings, table, rows)


def traffic(seed, posts=500):
    """Return decisions of two policies over two days, of every kind."""
    draw, decisions = random.Random(seed), []
    for offset in range(posts):
        at = NOON + timedelta(days=offset % 2)
        for policy in ("hate", "spam"):
            (route,) = draw.choices(
                ["clear", "escalate", "audit", "beside", "deferred", "forced"],
                [50, 20, 15, 10, 2, 3],
            )
            (outcome,) = draw.choices(["violates", "safe", "indeterminate", None], [2, 6, 1, 1])
            chance = draw.choice([0.1, 0.25]) if route in ("audit", "deferred") else 1.0
            outcome = None if route == "clear" else outcome
            decisions.append(Decision(offset, policy, at, route, outcome, chance))
    return decisions


def about(value) -> Any:
    return pytest.approx(value)


def counted(decisions, audit_rate=None):
    """Return what is known of decisions, counted one by one."""
    answered = [d for d in decisions if d.outcome in ("violates", "safe")]
    escalated = [d for d in answered if d.route == "escalate"]
    audits = [d for d in answered if d.route == "audit"]
    missed = [d for d in audits if d.outcome == "violates"]
    beside = [d for d in answered if d.route == "beside"]
    routes = [d.route for d in decisions]
    cleared = sum(route in ("clear", "audit", "beside", "deferred") for route in routes)
    return Sample(
        escalated=routes.count("escalate"),
        escalated_answered=len(escalated),
        caught=sum(d.outcome == "violates" for d in escalated),
        cleared=cleared,
        audits=routes.count("audit"),
        audits_answered=len(audits),
        missed_seen=len(missed),
        audit_weight=about(sum(1 / d.chance for d in audits)),
        audit_squares=about(sum(d.chance**-2 for d in audits)),
        missed_weight=about(sum(1 / d.chance for d in missed)),
        missed_squares=about(sum(d.chance**-2 for d in missed)),
        beside=routes.count("beside"),
        beside_answered=len(beside),
        beside_missed=sum(d.outcome == "violates" for d in beside),
        cleared_weight=about(cleared / audit_rate if audit_rate else 0),
    )


def live_recall(settings, run):
    sql = "SELECT * FROM `{dataset}.live_recall` WHERE run = @run ORDER BY policy_id, day"
    return query(settings, sql, run)


def sample_of(row):
    return Sample(**{name: row[name] for name in Sample.__dataclass_fields__})
