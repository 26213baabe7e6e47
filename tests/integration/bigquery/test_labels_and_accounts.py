"""What the views say of a handful of rows."""

from datetime import UTC, datetime, timedelta

from tests.integration.bigquery.cases import (
    NOON,
    labels,
    put,
    view,
)
from tests.rows import dead_letter, deferral, screening, verdict


def test_a_label_says_who_decided(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, 1, spam="clear", hate="escalate"), screening(run, 2, spam="audit")],
        [verdict(run, 1, "hate", "violates")],
    )
    assert labels(bigquery, run) == {
        (1, "spam"): ("cleared", "screen"),
        (1, "hate"): ("violates", "judge"),
        (2, "spam"): ("undecided", None),
    }


def test_a_newer_version_of_a_policy_has_the_last_word(bigquery, run):
    later = datetime(2026, 3, 5, tzinfo=UTC)
    put(
        bigquery,
        run,
        [screening(run, 1, spam="escalate")],
        [
            verdict(run, 1, "spam", "safe", policy_version="v2", judged_at=later),
            verdict(run, 1, "spam", "violates", policy_version="v1"),
        ],
    )
    assert labels(bigquery, run) == {(1, "spam"): ("safe", "judge")}


def test_runs_have_labels_of_their_own(bigquery, run):
    put(bigquery, run, [screening(run, 1, spam="clear")])
    put(bigquery, run, [screening(run + "-b", 1, spam="forced")])
    assert labels(bigquery, run) == {(1, "spam"): ("cleared", "screen")}
    assert labels(bigquery, run + "-b") == {(1, "spam"): ("undecided", None)}


def test_redelivery_leaves_every_view_as_it_was(bigquery, run):
    views = {
        "labels": "`offset`, policy_id",
        "daily_rates": "policy_id",
        "dead_letter_causes": "stage",
        "conservation": "run",
    }

    def deliver(at):
        put(
            bigquery,
            run,
            [
                screening(run, 1, spam="clear", hate="escalate", screened_at=at),
                screening(run, 2, spam="forced", hate="escalate", screened_at=at),
                screening(run, 3, spam="escalate", screened_at=at),
            ],
            [
                verdict(run, 1, "hate", "indeterminate", judged_at=at),
                verdict(run, 2, "spam", "violates", judged_at=at, route="forced"),
            ],
            [
                dead_letter(run, 3, "judge", "engine_error", policy_id="spam", died_at=at),
                dead_letter(run, 4, "decode", "invalid_json", died_at=at),
            ],
            [deferral(run, 2, "hate", deferred_at=at)],
        )

    deliver(NOON)
    before = {name: view(bigquery, name, run, order) for name, order in views.items()}
    deliver(NOON.replace(hour=13))
    assert {name: view(bigquery, name, run, order) for name, order in views.items()} == before
    assert before["conservation"] == [
        {
            "run": run,
            "posts": 3,
            "dead_before_screen": 1,
            "pairs": 5,
            "cleared": 1,
            "judged": 2,
            "deferred": 1,
            "dead_at_escalation": 0,
            "dead_at_judge": 1,
            "dead_at_write": 0,
            "unaccounted": 0,
            "unrecorded": 0,
            "left_out": 0,
        }
    ]


def test_what_is_screened_again_by_moved_thresholds_keeps_its_verdicts_and_is_accounted_for(
    bigquery, run
):
    stood = {"stored": {"threshold_version": "t1"}}
    moved = {"stored": {"threshold_version": "t2"}, "screened_at": NOON + timedelta(seconds=9)}
    put(
        bigquery,
        run,
        [
            screening(run, 1, spam="escalate", hate="clear", **stood),
            screening(run, 1, spam="clear", hate="escalate", **moved),
            # Its job ended before the judge answered, and the next one asks no more.
            screening(run, 2, spam="escalate", **stood),
            screening(run, 2, spam="clear", **moved),
        ],
        [verdict(run, 1, "spam", "violates"), verdict(run, 1, "hate", "safe")],
    )
    assert labels(bigquery, run) == {
        (1, "spam"): ("violates", "judge"),
        (1, "hate"): ("safe", "judge"),
        (2, "spam"): ("cleared", "screen"),
    }
    assert view(bigquery, "conservation", run, "run")[0]["unaccounted"] == 0


def test_an_escalation_without_an_answer_is_unaccounted(bigquery, run):
    put(bigquery, run, [screening(run, 1, spam="escalate", hate="clear")])
    assert view(bigquery, "conservation", run, "run")[0]["unaccounted"] == 1


def test_what_is_screened_again_after_a_policy_was_retired_is_accounted_for(bigquery, run):
    again = NOON + timedelta(seconds=9)
    put(
        bigquery,
        run,
        [
            screening(run, 0, spam="escalate", hate="clear", fraud="escalate"),
            screening(run, 0, fraud="escalate", screen_version="s2", screened_at=again),
            screening(run, 1, spam="clear", fraud="escalate"),
            screening(run, 1, fraud="clear", screen_version="s2", screened_at=again),
        ],
        [verdict(run, 0, "fraud", "safe")],
    )
    assert labels(bigquery, run) == {
        (0, "hate"): ("cleared", "screen"),
        (0, "fraud"): ("safe", "judge"),
        (1, "spam"): ("cleared", "screen"),
        (1, "fraud"): ("cleared", "screen"),
    }
    assert view(bigquery, "conservation", run, "run")[0]["unaccounted"] == 0


def test_what_is_deferred_waits_until_it_is_judged_or_dies(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, n, spam="escalate") for n in range(3)],
        deferred=[deferral(run, n, "spam") for n in range(3)],
    )
    waiting = view(bigquery, "labels", run, "`offset`")
    assert [(row["label"], row["route"], row["deferred"]) for row in waiting] == [
        ("undecided", "escalate", True)
    ] * 3
    counted = {"pairs": 3, "judged": 0, "deferred": 3, "unaccounted": 0}
    assert counted.items() <= view(bigquery, "conservation", run, "run")[0].items()
    put(
        bigquery,
        run,
        judged=[verdict(run, 0, "spam", "safe", judged_at=NOON.replace(hour=11))],
        dead=[dead_letter(run, 1, "judge", "engine_error", policy_id="spam")],
    )
    assert labels(bigquery, run)[0, "spam"] == ("safe", "judge")
    counted = {"pairs": 3, "judged": 1, "deferred": 1, "dead_at_judge": 1, "unaccounted": 0}
    assert counted.items() <= view(bigquery, "conservation", run, "run")[0].items()


def test_a_late_audit_is_no_escalation_and_no_audit_of_the_day(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, n, spam="audit") for n in range(2)],
        [
            verdict(run, 0, "spam", "safe", route="audit", inclusion_probability=0.005),
            verdict(run, 1, "spam", "safe", route="deferred", inclusion_probability=0.01),
        ],
    )
    (day,) = view(bigquery, "daily_rates", run, "policy_id")
    assert (day["judged"], day["audited"], day["escalation_rate"]) == (2, 1, 0)


def test_daily_rates_count_each_post_once(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, n, spam="escalate" if n < 2 else "clear") for n in range(4)],
        [verdict(run, 0, "spam", "violates"), verdict(run, 1, "spam", "safe")],
    )
    (day,) = view(bigquery, "daily_rates", run, "policy_id")
    counted = {name: day[name] for name in ("posts", "cleared", "judged", "violating", "safe")}
    assert counted == {"posts": 4, "cleared": 2, "judged": 2, "violating": 1, "safe": 1}
    assert (day["violation_rate"], day["escalation_rate"]) == (0.25, 0.5)


def test_dead_letters_are_grouped_by_cause(bigquery, run):
    dead = [dead_letter(run, n, "decode", "invalid_json") for n in range(3)]
    put(bigquery, run, dead=[*dead, dead_letter(run, 9, "decode", "tombstone")])
    causes = view(bigquery, "dead_letter_causes", run, "letters DESC")
    assert [(c["reason"], c["letters"]) for c in causes] == [("invalid_json", 3), ("tombstone", 1)]
