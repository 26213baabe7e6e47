"""What the views make of rows that few runs have."""

import uuid
from datetime import timedelta

import pytest

from tests.integration.analyst_views.cases import (
    NOON,
    rows_of,
)
from tests.integration.stored import put
from tests.rows import dead_letter, human_label, screening, verdict
from weir.pipelines.replay.forecast import PUBLISHED_RATE


def test_a_review_of_a_post_without_a_row_is_its_label_and_counts_in_no_rate(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    put(bigquery, "human_labels", [human_label(run, 1, "spam", "violates")])
    put(bigquery, "screenings", [screening(run, 2, spam="clear")])
    labels = {row["offset"]: row for row in rows_of(bigquery, "labels", run)}
    assert (labels[1]["label"], labels[1]["decided_by"], labels[1]["weight"]) == (
        *("violates", "human", 0),
    )
    (day,) = rows_of(bigquery, "daily_rates", run)
    assert (day["posts"], day["cleared"], day["violating"]) == (1, 1, 1)
    (recall,) = rows_of(bigquery, "live_recall", run)
    assert (recall["cleared"], recall["caught"]) == (1, 0)


def test_where_no_cleared_post_is_recorded_rates_are_unknown_and_not_wrong(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    stored = {"recorded_probability": 1.0, "record_cleared": 0.0}
    put(bigquery, "screenings", [screening(run, 1, stored=stored, spam="escalate")])
    put(bigquery, "verdicts", [verdict(run, 1, "spam", "violates")])
    (day,) = rows_of(bigquery, "daily_rates", run)
    assert (day["posts"], day["cleared"], day["violation_rate"], day["escalation_rate"]) == (
        *(None, None, None, None),
    )
    assert (day["judged"], day["violating"]) == (1, 1)


def test_a_row_of_an_older_version_counts_as_one_post_in_force(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    put(bigquery, "screenings", [screening(run, 1, spam="clear")])
    (row,) = rows_of(bigquery, "labels", run)
    assert (row["mode"], row["weight"], row["record_cleared"]) == ("enforce", 1, 1)


def test_a_dead_letter_counts_once_for_its_day(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    letters = [dead_letter(run, n, "judge", "engine_error", policy_id="spam") for n in range(3)]
    late = [letter | {"died_at": NOON + timedelta(hours=2)} for letter in letters]
    put(bigquery, "dead_letters", [*letters, *late])
    (cause,) = rows_of(bigquery, "dead_letter_causes", run)
    assert (cause["day"], cause["letters"], cause["first_at"]) == (NOON.date(), 3, NOON)


def test_a_replay_is_a_replay_for_policies_in_shadow_too(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    stored = {"mode": "replay", "shadow_policies": ["hate"]}
    put(bigquery, "screenings", [screening(run, 1, stored=stored, spam="clear", hate="clear")])
    assert {row["mode"] for row in rows_of(bigquery, "labels", run)} == {"replay"}


def test_what_had_nothing_to_read_is_cleared_and_no_part_of_the_recall(bigquery):
    run = f"nothing-{uuid.uuid4().hex[:8]}"
    put(bigquery, "screenings", [screening(run, 0, spam="empty"), screening(run, 1, spam="clear")])
    labels = rows_of(bigquery, "labels", run)
    assert {(row["label"], row["decided_by"]) for row in labels} == {("cleared", "screen")}
    assert [row["cleared"] for row in rows_of(bigquery, "live_recall", run)] == [1]


def test_screen_cost_has_what_each_stage_saved_and_what_that_is_of_a_card(bigquery):
    run = f"stages-{uuid.uuid4().hex[:8]}"
    # A score of the second stage is from .5 on; a head that it does not know keeps the first's.
    decided = [(1, 0.7, "clear"), (2, 0.6, "clear"), (2, 0.3, "clear"), (2, 0.9, "escalate"),
               (1, 0.0, "empty"), (None, 0.5, "clear")]  # fmt: skip
    rows = [
        screening(run, n, stored={"stages": stages, "policies": [
            {"policy_id": "spam", "score": score, "route": route}
        ]})
        for n, (stages, score, route) in enumerate(decided)
    ]  # fmt: skip
    put(bigquery, "screenings", rows)
    (row,) = rows_of(bigquery, "screen_cost", run)
    assert (row["posts"], row["requests"], row["read_by_second"]) == (5, 1, 3)
    assert (row["saved_by_first"], row["saved_by_second"]) == (3, 1)
    assert (row["saved_by_first_per_1000"], row["saved_by_second_per_1000"]) == (600, 200)
    put(bigquery, "verdicts", [verdict(run, 3, "spam", "safe")])
    (cost,) = rows_of(bigquery, "judge_cost", run)
    assert (cost["after_first_per_1000"], cost["after_second_per_1000"]) == (400, 200)
    assert (cost["saved_by_first_per_1000"], cost["saved_by_second_per_1000"]) == (600, 200)
    seconds = [row["gpu_seconds"], row["gpu_seconds_saved_by_first"]]
    assert [*seconds, row["gpu_seconds_saved_by_second"]] == pytest.approx(
        [1 / PUBLISHED_RATE, 3 / PUBLISHED_RATE, 1 / PUBLISHED_RATE]
    )


def test_what_stages_saved_is_not_known_where_no_cleared_post_is_recorded(bigquery):
    run = f"stages-{uuid.uuid4().hex[:8]}"
    stored = {"stages": 2, "record_cleared": 0.0}
    put(bigquery, "screenings", [screening(run, 0, stored=stored, spam="escalate", hate="clear")])
    for row in rows_of(bigquery, "screen_cost", run):
        assert row["saved_by_first"] is row["saved_by_second_per_1000"] is None
        assert row["gpu_seconds_saved_by_second"] is None


def test_screen_cost_has_what_each_language_asks_and_finds(bigquery):
    run = f"cost-{uuid.uuid4().hex[:8]}"
    routes = ["escalate", "audit", "audit", "clear"]
    rows = [
        screening(run, n, stored={"detected_language": language}, spam=route)
        for n, (language, route) in enumerate((x, y) for x in ("en", "de") for y in routes)
    ]
    put(bigquery, "screenings", rows)
    answers = ["violates", "safe", "safe", None, "violates", "violates", "safe", None]
    audit = {"route": "audit", "inclusion_probability": 0.5}
    put(
        bigquery,
        "verdicts",
        [
            verdict(run, n, "spam", answer, **(audit if n % 4 else {}))
            for n, answer in enumerate(answers)
            if answer
        ],
    )
    found = {row["language"]: row for row in rows_of(bigquery, "screen_cost", run)}
    assert {name: row["requests_per_1000"] for name, row in found.items()} == {
        "en": 750,
        "de": 750,
    }
    assert {name: (row["missed"], row["recall"]) for name, row in found.items()} == {
        "en": (0, 1),
        "de": (2, pytest.approx(1 / 3)),
    }


def test_what_near_copies_took_and_whether_the_judge_agrees_is_told_by_the_verdict_taken(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    taken = [verdict(run, n, "spam", "violates", cached=True, reused_from="d") for n in range(4)]
    outcomes = ["violates"] * 8 + ["safe", "indeterminate"]
    against = {"checked_against": "d", "checked_verdict": "violates"}
    checks = [verdict(run, 10 + n, "spam", said, **against) for n, said in enumerate(outcomes)]
    equal = verdict(run, 30, "spam", "violates", cached=True)
    put(bigquery, "verdicts", [*taken, *checks, equal, taken[0], checks[0]])
    (row,) = rows_of(bigquery, "reuse_agreement", run)
    told = ("taken", "reused", "checks", "agreed", "indeterminate", "agreement")
    assert tuple(row[name] for name in told) == ("violates", 4, 10, 8, 1, 0.8)
    # The score interval of 8 in 10, as tables have it.
    assert (row["agreement_low"], row["agreement_high"]) == pytest.approx(
        (0.4902, 0.9433), abs=1e-4
    )
    (cost,) = rows_of(bigquery, "judge_cost", run)
    assert (cost["asked"], cost["from_cache"], cost["reused"]) == (10, 1, 4)


def test_of_a_verdict_that_was_delivered_twice_the_first_counts_everywhere(bigquery):
    run = f"run-{uuid.uuid4().hex[:8]}"
    said = verdict(run, 1, "spam", "violates")
    later = said | {"verdict": "safe", "judged_at": said["judged_at"] + timedelta(seconds=1)}
    put(bigquery, "verdicts", [later, said, said])
    (row,) = rows_of(bigquery, "distinct_verdicts", run)
    assert (row["verdict"], row["day"]) == ("violates", said["created_at"].date())
    (change,) = rows_of(bigquery, "policy_changes", run)
    assert (change["judged"], change["violating"]) == (1, 1)
