"""A second screen beside the first."""

import pytest

from tests.integration.live_recall.cases import (
    NOON,
    Decision,
    store,
    traffic,
)
from tests.integration.stored import put
from tests.rows import screening
from weir.pipelines.demo import query


def comparison(settings, run):
    sql = "SELECT * FROM `{dataset}.screen_comparison` WHERE run = @run ORDER BY policy_id"
    return query(settings, sql, run)


def test_a_second_screen_is_compared_by_what_it_would_send_and_catch(bigquery, run):
    # Route of the first screen, verdict, and what the second screen would have done.
    pairs = [
        ("escalate", "violates", 1.0, "escalate"),
        ("escalate", "violates", 1.0, "clear"),
        ("escalate", "safe", 1.0, "clear"),
        ("audit", "violates", 0.25, "escalate"),
        ("audit", "safe", 0.25, "escalate"),
        ("clear", None, 1.0, "clear"),
        ("deferred", "violates", 0.25, "escalate"),
        ("escalate", "indeterminate", 1.0, "escalate"),
    ]
    decisions = [
        Decision(n, "spam", NOON, route, outcome, chance)
        for n, (route, outcome, chance, _) in enumerate(pairs)
    ]
    store(bigquery, run, decisions)
    shadow = [
        screening(run, n, screen_version="second", spam=route)
        for n, (*_, route) in enumerate(pairs)
    ]
    put(bigquery, "shadow_screenings", [*shadow, *shadow[:5]])
    (row,) = comparison(bigquery, run)
    assert {
        "screen_version": "s1",
        "shadow_version": "second",
        "head": True,
        "shadow_head": True,
        "posts": 8,
        "sent_by_both": 2,
        "sent_by_live_alone": 2,
        "sent_by_shadow_alone": 3,
        "cleared_by_both": 1,
        "violating": 3,
        "violating_live_alone": 1,
        "violating_shadow_alone": 1,
        "violations": 6.0,
        "caught": 2.0,
        "shadow_caught": 5.0,
        "lost": 1.0,
        "gained": 4.0,
        "escalation_rate": 4 / 8,
        "shadow_escalation_rate": 5 / 8,
        "recall": pytest.approx(2 / 6),
        "shadow_recall": pytest.approx(5 / 6),
    }.items() <= row.items()


def test_a_policy_without_a_head_in_one_screen_is_sent_whole_by_it(bigquery, run):
    store(
        bigquery,
        run,
        [
            Decision(1, "new", NOON, "forced", "violates"),
            Decision(2, "new", NOON, "forced", "safe"),
            Decision(1, "old", NOON, "clear"),
            Decision(2, "old", NOON, "audit", "violates", 0.5),
        ],
    )
    shadow = [
        screening(run, 1, screen_version="second", new="escalate", old="forced"),
        screening(run, 2, screen_version="second", new="clear", old="forced"),
    ]
    put(bigquery, "shadow_screenings", shadow)
    new, old = comparison(bigquery, run)
    assert (new["head"], new["shadow_head"], old["head"], old["shadow_head"]) == (
        *(False, True),
        *(True, False),
    )
    assert (new["escalation_rate"], new["shadow_escalation_rate"]) == (1, 0.5)
    assert (new["recall"], new["shadow_recall"]) == (1, 1)
    assert (old["escalation_rate"], old["shadow_escalation_rate"]) == (0, 1)
    assert (old["recall"], old["shadow_recall"]) == (0, 1)


def test_no_view_of_the_live_screen_sees_the_second_one(bigquery, run):
    store(bigquery, run, traffic(4, posts=40))
    views = {
        "labels": "`offset`, policy_id",
        "daily_rates": "day, policy_id",
        "conservation": "run",
        "live_recall": "day, policy_id",
    }

    def seen():
        sql = "SELECT * FROM `{dataset}.VIEW` WHERE run = @run ORDER BY "
        return {
            view: query(bigquery, sql.replace("VIEW", view) + order, run)
            for view, order in views.items()
        }

    before = seen()
    put(
        bigquery,
        "shadow_screenings",
        [screening(run, n, screen_version="second", spam="escalate") for n in range(60)],
    )
    assert seen() == before
