"""Policies that change while they judge, and the engine that a process shares."""

import threading
import time
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from tests.fakes import ScriptedEngine, Shelf
from tests.unit.judging.cases import (
    CACHED,
    FRAUD,
    POLICY,
    SETTINGS,
    VERDICT_POSITION,
    Scripted,
    escalations,
    judge,
)
from weir.policies.policy import PolicySet, Status
from weir.transforms.counts import counts_of
from weir.transforms.decode import DecodeSettings
from weir.transforms.identity import decision_ids
from weir.transforms.judge import JudgeContent
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.shared_engine import Engines, Slots
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.reloading import RELOADS, Reloading

EDITED = replace(POLICY, text="No spam at all.")


@pytest.fixture
def edits():
    """Return a function of policy sets: the first is in force, and then each of the others."""
    made = []

    def edited(*sets, looked_at=True):
        began, *later = [PolicySet(tuple(each)) for each in sets]
        shelf = Shelf(began)
        made.append(Reloading(shelf, 0.5 if looked_at else 3600.0))
        reloaded = RELOADS.acquire(made[-1])
        for each in later:
            shelf.put(each)
            if looked_at:
                reloaded.look()
        return made[-1]

    yield edited
    for each in made:
        RELOADS.release(each)


def test_an_escalation_is_judged_by_the_version_that_it_names(edits):
    batches = [
        escalations("safe", first=n, policy_version=version)
        for n, version in enumerate([POLICY.version, EDITED.version, "of last week"])
    ]
    done = judge(*batches, policies=edits([POLICY], [EDITED]))
    versions = done.by_id("policy_version")
    assert versions == {"p0": POLICY.version, "p1": EDITED.version, "p2": EDITED.version}
    assert len(set(done.verdicts["decision_id"].to_pylist())) == 3


def test_a_version_that_another_worker_read_first_is_looked_for(edits):
    named = {"policy_version": FRAUD.version, "policy_ids": ("fraud",)}
    policies = edits([POLICY], [FRAUD, EDITED], looked_at=False)
    done = judge(escalations("safe", **named), policies=policies)
    assert done.by_id("policy_version") == {"p0": FRAUD.version}


def test_what_is_in_flight_for_a_retired_policy_is_still_judged(edits):
    batch = escalations("violates", policy_version=POLICY.version)
    other = escalations("violates", first=1, policy_version="of last week")
    done = judge(batch, other, policies=edits([POLICY, FRAUD], [FRAUD]))
    assert done.violations["content_id"].to_pylist() == ["p0"]
    assert done.dead["reason"].to_pylist() == ["unknown_policy"]


def test_a_policy_that_is_put_in_shadow_flags_nothing_more(edits):
    shadow = replace(POLICY, status=Status.SHADOW)
    batch = escalations("violates", policy_version=POLICY.version)
    done = judge(batch, policies=edits([POLICY], [shadow]))
    assert done.by_id("mode") == {"p0": "shadow"}
    assert done.violations.num_rows == 0


def test_an_escalation_of_another_job_keeps_its_run_cluster_and_mode():
    other = {"run": "night", "cluster": "elsewhere:9092", "mode": "replay"}
    done = judge(escalations("violates"), escalations("violates", "fail", first=1, **other))
    assert done.by_id("run") == {"p0": "r", "p1": "night"}
    assert done.by_id("mode") == {"p0": "enforce", "p1": "replay"}
    assert done.violations["content_id"].to_pylist() == ["p0"]
    (letter,) = done.dead.to_pylist()
    assert letter["run"] == "night"
    position = escalations("fail", first=1).select(VERDICT_POSITION.names)
    expected = decision_ids(
        position, cluster="elsewhere:9092", stage="judge", version=POLICY.version, run="night"
    )
    assert done.by_id("decision_id")["p1"] == expected[0].as_py()


def test_what_judging_took_is_metered():
    pipeline = beam.Pipeline("FnApiRunner", options=PipelineOptions([]))
    batch = escalations("violates", "violates", "slow 0.05", "fail")
    _ = (
        pipeline
        | beam.Create([batch])
        | JudgeContent(Scripted(), PolicySet((POLICY,)), CACHED, DecodeSettings())
    )
    result = pipeline.run()
    result.wait_until_finish()
    metrics = result.metrics().query(MetricsFilter().with_namespace("weir.judge"))
    counters = {each.key.metric.name: each.committed for each in metrics["counters"]}
    assert (counters["requests"], counters["cache_hits"]) == (2, 1)
    assert (counters["tokens_out"], counters["tokens_in"]) == (7, 0)
    latency = {each.key.metric.name: each.committed for each in metrics["distributions"]}
    assert latency["latency_ms"].count == 2
    assert latency["latency_ms"].max >= 50
    assert counts_of(result).verdicts == 3


def test_verdicts_of_a_bundle_are_written_together():
    batches = [escalations(*["safe"] * 32, first=32 * n) for n in range(16)]
    written = judge(*batches).batches["verdicts"]
    assert sum(batch.num_rows for batch in written) == 512
    assert max(batch.num_rows for batch in written) <= 256
    assert len(written) <= 6


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="max_in_flight is 0"):
        replace(SETTINGS, max_in_flight=0)
    with pytest.raises(ValueError, match="timeout_seconds is 0"):
        replace(SETTINGS, timeout_seconds=0)
    with pytest.raises(ValueError, match="cache_bytes is -1"):
        replace(SETTINGS, cache_bytes=-1)


def test_a_process_has_one_engine_however_many_threads_ask_for_it():
    made, engines = [], Engines()

    def factory():
        time.sleep(0.05)
        made.append(ScriptedEngine())
        return made[-1]

    threads = [threading.Thread(target=engines.acquire, args=("k", factory, 8)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_an_engine_stays_while_it_is_idle_and_goes_when_another_takes_its_place():
    engines = Engines()
    first: Any = engines.acquire("a", ScriptedEngine, 8).engine
    engines.release("a")
    again: Any = engines.acquire("a", ScriptedEngine, 8).engine
    assert again is first
    engines.release("a")
    second: Any = engines.acquire("b", ScriptedEngine, 8).engine
    assert first.closed
    assert not second.closed
    engines.close()
    assert second.closed


def test_an_engine_in_use_is_not_closed_when_another_is_asked_for():
    engines = Engines()
    first: Any = engines.acquire("a", ScriptedEngine, 8).engine
    engines.acquire("b", ScriptedEngine, 8)
    assert not first.closed


def test_whatever_an_escalation_ends_as_makes_room_for_another():
    batches = [
        escalations("a", "b", "fail now"),
        escalations("d", policy_ids=("nowhere",)),
        escalations("e", "f", first=5),
    ]
    WAITING.start(1)
    try:
        for batch in batches:
            WAITING.add(batch)
        assert WAITING.full()
        judged = judge(*batches, settings=replace(SETTINGS, budget=Budget(share=0.5)))
        assert judged.verdicts.num_rows + judged.deferred.num_rows + judged.dead.num_rows == 6
        assert judged.deferred.num_rows
        assert judged.dead.num_rows
        assert not WAITING.full()
    finally:
        WAITING.stop()


def test_no_more_slots_are_given_than_an_engine_bears_now():
    bound = 1
    slots = Slots(lambda: bound)
    assert slots.acquire(blocking=False)
    assert not slots.acquire(blocking=False)
    assert not slots.acquire(timeout=0.01)
    bound = 2
    assert slots.acquire(timeout=0.01)
    bound = 1
    slots.release()
    assert not slots.acquire(blocking=False)
    slots.release()
    assert slots.acquire(blocking=False)
    assert slots.taken == 1


def test_verdicts_of_a_slow_judge_do_not_wait_for_a_batch_of_them(monkeypatch):
    monkeypatch.setattr("weir.transforms.judge.step._EMIT_SECONDS", 0.0)
    done = judge(escalations(*["safe"] * 12))
    assert [batch.num_rows for batch in done.batches["verdicts"]] == [1] * 12


def test_a_job_says_early_that_most_answers_cannot_be_read(caplog):
    done = judge(escalations(*["prose"] * 12, "safe"))
    assert done.counts.unreadable == 12
    assert done.counts.mostly_unreadable
    assert done.counts.failed
    assert "of 13 answers cannot be read" in caplog.text
    assert "most often not_json" in caplog.text
