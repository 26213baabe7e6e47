"""Every escalation ends in one verdict or one dead letter, whatever its engine does."""

import json
import time
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.unit.judging.cases import (
    FRAUD,
    POLICY,
    SETTINGS,
    VERDICT_POSITION,
    Scripted,
    escalations,
    judge,
)
from weir.policies.policy import Status
from weir.transforms.identity import decision_ids
from weir.transforms.records import Mode


def test_each_escalation_gets_its_own_verdict_though_answers_come_out_of_order():
    texts = ["safe", "violates", "slow 0.05", "prose", "cut", "violates"]
    done = judge(escalations(*texts), escalations("violates", "safe", first=6))
    assert done.by_id() == {
        "p0": "safe",
        "p1": "violates",
        "p2": "safe",
        "p3": "indeterminate",
        "p4": "indeterminate",
        "p5": "violates",
        "p6": "violates",
        "p7": "safe",
    }
    assert done.by_id("text")["p2"] == "slow 0.05"
    assert done.by_id("reason")["p4"] == "cut_off"
    assert done.dead.num_rows == 0


def test_a_verdict_says_who_decided_what_and_on_what_grounds():
    row = judge(escalations("violates")).verdicts.to_pylist()[0]
    assert row["run"] == "r"
    assert row["mode"] == "enforce"
    assert row["probability"] == 0.9
    assert row["rule_ids"] == ["R1"]
    assert row["rationale"] == "it does"
    assert (row["engine"], row["model"]) == ("scripted", "scripted-1")
    assert row["effort"] == "low"
    assert row["tokens_out"] == 7
    assert row["latency_ms"] >= 0
    assert row["cached"] is False
    assert json.loads(row["attributes"]) == {"likes": 3}


def test_the_policy_in_force_judges_and_its_version_is_recorded():
    assert judge(escalations("safe")).by_id("policy_version") == {"p0": POLICY.version}


def test_the_decision_id_is_that_of_the_position_the_policy_and_the_run():
    batches = [
        escalations("safe", "violates", policy_ids=("spam", "fraud")),
        escalations("safe", policy_ids=("spam",), partition=1),
    ]
    rows = judge(*batches, policies=(POLICY, FRAUD)).verdicts.to_pylist()
    assert len({row["decision_id"] for row in rows}) == len(rows) == 5
    for row in rows:
        position = pa.RecordBatch.from_pylist(
            [{k: row[k] for k in ("topic", "partition", "offset")}], schema=VERDICT_POSITION
        )
        version = {"spam": POLICY, "fraud": FRAUD}[row["policy_id"]].version
        expected = decision_ids(position, cluster="c", stage="judge", version=version, run="r")
        assert row["decision_id"] == expected[0].as_py()


def test_a_violation_carries_the_posts_key_and_headers():
    violations = judge(escalations("violates", "safe", "prose")).violations.to_pylist()
    assert [row["content_id"] for row in violations] == ["p0"]
    assert violations[0]["key"] == b"k"
    assert violations[0]["headers"] == [{"key": "h", "value": b"v"}]


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.REPLAY])
def test_only_a_run_that_enforces_flags(mode):
    done = judge(escalations("violates"), settings=replace(SETTINGS, mode=mode))
    assert done.violations.num_rows == 0
    assert done.by_id("mode") == {"p0": mode}


def test_a_shadow_policy_is_judged_and_recorded_but_flags_nothing():
    shadow = replace(POLICY, status=Status.SHADOW)
    done = judge(escalations("violates"), policies=(shadow,))
    assert done.by_id() == {"p0": "violates"}
    assert done.by_id("mode") == {"p0": "shadow"}
    assert done.violations.num_rows == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fail", "too_long"),
        ("crash", "engine_error"),
        ("refuse", "engine_error"),
        ("drop", "engine_error"),
        ("hang", "engine_timeout"),
    ],
)
def test_a_request_that_fails_is_a_dead_letter_and_touches_no_other(text, reason):
    settings = replace(SETTINGS, timeout_seconds=0.3)
    done = judge(escalations("safe", text, "violates"), settings=settings)
    assert done.by_id() == {"p0": "safe", "p2": "violates"}
    (letter,) = done.dead.to_pylist()
    assert letter["reason"] == reason
    assert letter["stage"] == "judge"
    assert (letter["content_id"], letter["policy_id"], letter["offset"]) == ("p1", "spam", 1)
    assert letter["attempts"] == 1
    assert json.loads(letter["value"])["text"] == text
    assert "secret" not in letter["error"]
    assert f"cannot take {text}" not in letter["error"]


def test_a_policy_that_is_no_longer_in_force_is_a_dead_letter():
    done = judge(escalations("safe", policy_ids=("spam", "gone")))
    assert done.by_id() == {"p0": "safe"}
    assert done.dead["reason"].to_pylist() == ["unknown_policy"]
    assert done.dead["policy_id"].to_pylist() == ["gone"]


def test_what_went_in_is_what_came_out_and_every_row_is_counted():
    texts = ["safe", "violates", "prose", "fail", "crash", "hang"] * 20
    batches = [
        escalations(*texts, policy_ids=("spam", "fraud", "gone"), partition=p) for p in range(3)
    ]
    settings = replace(SETTINGS, timeout_seconds=0.5)
    done = judge(*batches, settings=settings, policies=(POLICY, FRAUD))
    assert done.verdicts.num_rows + done.dead.num_rows == 3 * 3 * len(texts)
    counts = done.counts
    assert counts.verdicts == done.verdicts.num_rows == 3 * 2 * 60
    assert counts.violations == done.violations.num_rows == 3 * 2 * 20
    assert counts.indeterminate == 3 * 2 * 20
    assert counts.dead_letters == counts.dead_letters_judge == done.dead.num_rows
    assert counts.policies["spam"] == {"safe": 60, "violates": 60, "indeterminate": 60}
    assert Counter(done.dead["reason"].to_pylist()) == {
        "unknown_policy": 360,
        "too_long": 120,
        "engine_error": 120,
        "engine_timeout": 120,
    }


def test_no_more_requests_are_at_the_engine_than_the_bound_allows():
    texts = ["slow 0.01"] * 40
    done = judge(escalations(*texts), settings=replace(SETTINGS, max_in_flight=4))
    assert done.verdicts.num_rows == 40
    assert done.engine.most_in_flight == 4


def test_the_engines_own_capacity_bounds_it_too():
    done = judge(escalations(*["slow 0.01"] * 9), engine=Scripted(capacity=3))
    assert done.engine.most_in_flight == 3


def test_hung_requests_do_not_keep_their_slots_for_ever():
    settings = replace(SETTINGS, max_in_flight=2, timeout_seconds=0.2)
    done = judge(escalations("hang", "hang", "safe", "safe"), settings=settings)
    assert done.by_id() == {"p2": "safe", "p3": "safe"}


def test_requests_wait_side_by_side_and_not_one_after_the_other():
    started = time.monotonic()
    done = judge(escalations(*["slow 0.3"] * 64), escalations(*["slow 0.3"] * 64, first=64))
    assert done.verdicts.num_rows == 128
    assert time.monotonic() - started < 10  # one by one they would take 38 s
