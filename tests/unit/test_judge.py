"""Every escalation ends in one verdict or one dead letter, whatever its engine does."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from tests.fakes import ScriptedEngine, Shelf
from weir.policies.policy import Policy, PolicySet, Status
from weir.transforms import coders
from weir.transforms.counts import counts_of
from weir.transforms.decode import DecodeSettings
from weir.transforms.identity import decision_ids
from weir.transforms.judge import JudgeContent, JudgeSettings
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.shared import Engines, Slots
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.reloading import RELOADS, Reloading
from weir.transforms.records import DEAD_LETTER, DEFERRED, ESCALATION, VERDICT, VIOLATION, Mode

coders.register()

POLICY = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"1": "violates", "0": "safe"},
    rules={"R1": "adverts"},
)
FRAUD = replace(POLICY, policy_id="fraud")
SETTINGS = JudgeSettings(run="r", cluster="c", timeout_seconds=20)
SEEN: dict[str, list[pa.RecordBatch]] = {}
ENGINES_MADE: list[ScriptedEngine] = []


@dataclass(frozen=True)
class Scripted:
    """A picklable factory; the engines it makes can be looked at afterwards."""

    capacity: int = 1_000

    def __call__(self) -> ScriptedEngine:
        ENGINES_MADE.append(ScriptedEngine(capacity=self.capacity))
        return ENGINES_MADE[-1]


def escalations(*texts, policy_ids=("spam",), partition=0, first=0, **changes):
    rows = [
        {
            "content_id": f"p{first + n}",
            "text": text,
            "created_at": 0,
            "language": "en",
            "topic": "posts",
            "partition": partition,
            "offset": first + n,
            "timestamp": 0,
            "key": b"k",
            "value": json.dumps({"id": f"p{first + n}", "text": text, "likes": 3}).encode(),
            "headers": [{"key": "h", "value": b"v"}],
            "policy_id": policy_id,
            "policy_version": "old",
            "screen_version": "s",
            "route": "escalate",
            "score": 0.5,
            "inclusion_probability": 1.0,
        }
        | changes
        for n, text in enumerate(texts)
        for policy_id in policy_ids
    ]
    return pa.RecordBatch.from_pylist(rows, schema=ESCALATION)


def keep(batch, tag):
    SEEN.setdefault(tag, []).append(batch)


@dataclass
class Judged:
    verdicts: pa.Table
    violations: pa.Table
    deferred: pa.Table
    dead: pa.Table
    counts: object
    engine: ScriptedEngine
    batches: dict[str, list[pa.RecordBatch]]

    def by_id(self, column="verdict"):
        rows = self.verdicts.to_pylist()
        return {row["content_id"]: row[column] for row in rows}


def judge(*batches, settings=SETTINGS, policies=(POLICY,), engine=Scripted()) -> Judged:
    SEEN.clear()
    ENGINES_MADE.clear()
    pipeline = beam.Pipeline("FnApiRunner", options=PipelineOptions([]))
    decides = policies if isinstance(policies, Reloading) else PolicySet(tuple(policies))
    outputs = (
        pipeline
        | beam.Create(list(batches), reshuffle=False)
        | JudgeContent(engine, decides, settings, DecodeSettings())
    )
    for tag in ("verdicts", "violations", "deferred", "dead"):
        outputs[tag] | f"Keep {tag}" >> beam.Map(keep, tag)
    result = pipeline.run()
    result.wait_until_finish()
    schemas = {
        "verdicts": VERDICT,
        "violations": VIOLATION,
        "deferred": DEFERRED,
        "dead": DEAD_LETTER,
    }
    tables = {t: pa.Table.from_batches(SEEN.get(t, []), s) for t, s in schemas.items()}
    return Judged(**tables, counts=counts_of(result), engine=ENGINES_MADE[0], batches=dict(SEEN))


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


VERDICT_POSITION = pa.schema([VERDICT.field(name) for name in ("topic", "partition", "offset")])


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


CACHED = replace(SETTINGS, cache_bytes=1 << 20)


def test_equal_posts_are_asked_about_once_a_policy_and_each_has_its_verdict():
    batch = escalations("violates", "violates", "safe", "safe", policy_ids=("spam", "fraud"))
    done = judge(batch, settings=CACHED, policies=(POLICY, FRAUD))
    assert done.by_id() == {"p0": "violates", "p1": "violates", "p2": "safe", "p3": "safe"}
    assert done.by_id("cached") == {"p0": False, "p1": True, "p2": False, "p3": True}
    assert sum(done.engine.calls) == 4
    assert len(set(done.verdicts["decision_id"].to_pylist())) == 8
    copy = next(row for row in done.verdicts.to_pylist() if row["cached"])
    assert (copy["latency_ms"], copy["queue_ms"]) == (0.0, 0.0)
    assert (copy["tokens_in"], copy["tokens_out"]) == (0, 0)
    assert (copy["rationale"], copy["probability"]) == ("it does", 0.9)


def test_equal_posts_of_later_batches_are_answered_from_the_cache():
    done = judge(
        escalations("violates", "safe"),
        escalations("safe", "v\u200biolates", first=2),
        settings=CACHED,
    )
    assert done.by_id("cached") == {"p0": False, "p1": False, "p2": True, "p3": True}
    assert done.by_id() == {"p0": "violates", "p1": "safe", "p2": "safe", "p3": "violates"}


def test_equal_posts_that_wait_for_an_answer_get_it():
    done = judge(escalations(*["slow 0.1"] * 5), settings=CACHED)
    assert sum(done.by_id("cached").values()) == 4
    assert sum(done.engine.calls) == 1


@pytest.mark.parametrize("text", ["prose", "cut", "fail", "crash"])
def test_what_is_no_complete_verdict_is_asked_about_again(text):
    done = judge(escalations(*[text] * 3), settings=CACHED)
    assert not any(done.by_id("cached").values())
    assert sum(done.engine.calls) == 3
    assert done.verdicts.num_rows + done.dead.num_rows == 3


def test_audits_neither_fill_the_cache_nor_are_answered_from_it():
    audits = escalations("safe", "safe", first=1, route="audit", inclusion_probability=0.1)
    done = judge(audits, escalations("safe"), audits, settings=CACHED)
    assert not any(done.by_id("cached").values())
    assert sum(done.engine.calls) == 5


def test_without_a_cache_every_post_is_asked_about():
    assert sum(judge(escalations(*["safe"] * 5)).engine.calls) == 5


def budget(**limits):
    return replace(SETTINGS, budget=Budget(**limits))


def test_over_budget_the_lowest_scores_are_deferred_with_all_that_judges_them_later():
    batches = [escalations("safe", first=n, score=n / 10) for n in range(10)]
    done = judge(*batches, settings=budget(requests_per_second=0.01, burst_seconds=400))
    assert set(done.by_id()) == {"p6", "p7", "p8", "p9"}
    assert done.counts.deferred == done.deferred.num_rows == 6
    assert done.counts.policies["spam"]["deferred"] == 6
    assert done.dead.num_rows == 0
    first = done.deferred.to_pylist()[0]
    whole = batches[first["offset"]].to_pylist()[0]
    origin = {"run": "r", "cluster": "c", "mode": "enforce"}
    assert {name: first[name] for name in ESCALATION.names} == whole | origin


def test_a_bundle_retried_defers_under_the_same_ids():
    settings = budget(share=0.5)
    batch = escalations(*["safe"] * 10, score=None, route="forced")
    first, second = (judge(batch, settings=settings).deferred for _ in range(2))
    assert first["decision_id"].to_pylist() == second["decision_id"].to_pylist()


def test_audits_over_budget_leave_the_sample_and_the_others_count_for_them():
    audits = escalations(*["safe"] * 8, route="audit", inclusion_probability=0.1, score=0.01)
    suspects = escalations("safe", "safe", first=8, score=0.9)
    done = judge(suspects, audits, settings=budget(share=0.4))
    assert set(done.by_id("route").values()) == {"audit"}
    assert list(done.by_id("inclusion_probability").values()) == pytest.approx([0.05] * 4)
    assert sorted(done.deferred["route"].to_pylist()) == ["deferred"] * 4 + ["escalate"] * 2
    assert set(done.deferred["inclusion_probability"].to_pylist()) == {0.1, 1.0}


def test_audits_that_are_all_deferred_remain_the_sample():
    audits = escalations("safe", "safe", route="audit", inclusion_probability=0.1)
    done = judge(audits, settings=budget(share=0.0))
    assert done.deferred["route"].to_pylist() == ["audit", "audit"]
    assert done.deferred["inclusion_probability"].to_pylist() == [0.1, 0.1]


def test_what_the_cache_answers_costs_nothing_of_the_budget():
    settings = replace(budget(requests_per_second=0.01, burst_seconds=100), cache_bytes=1 << 20)
    done = judge(escalations(*["safe"] * 6, "violates"), settings=settings)
    assert sorted(done.by_id("cached").values()) == [False] + [True] * 5
    assert done.deferred["text"].to_pylist() == ["violates"]


def test_equal_posts_are_deferred_together():
    settings = replace(budget(share=0.0), cache_bytes=1 << 20)
    done = judge(escalations(*["safe"] * 4), settings=settings)
    assert done.deferred.num_rows == done.counts.deferred == 4


@pytest.mark.parametrize(
    ("spending", "judged"),
    [
        ({"shadow_budget": Budget(share=0.0)}, "spam"),
        ({"budget": Budget(share=0.0)}, "fraud"),
    ],
)
def test_policies_in_shadow_have_a_budget_of_their_own(spending, judged):
    shadow = replace(FRAUD, status=Status.SHADOW)
    batch = escalations(*["safe"] * 6, policy_ids=("spam", "fraud"))
    done = judge(batch, policies=(POLICY, shadow), settings=replace(SETTINGS, **spending))
    assert done.verdicts["policy_id"].to_pylist() == [judged] * 6
    (deferred,) = {"spam", "fraud"} - {judged}
    assert done.deferred["policy_id"].to_pylist() == [deferred] * 6
    assert done.counts.deferred == done.counts.verdicts == 6


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
    first = engines.acquire("a", ScriptedEngine, 8).engine
    engines.release("a")
    assert engines.acquire("a", ScriptedEngine, 8).engine is first
    engines.release("a")
    second = engines.acquire("b", ScriptedEngine, 8).engine
    assert first.closed
    assert not second.closed
    engines.close()
    assert second.closed


def test_an_engine_in_use_is_not_closed_when_another_is_asked_for():
    engines = Engines()
    first = engines.acquire("a", ScriptedEngine, 8).engine
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


def test_a_job_says_early_that_most_answers_cannot_be_read(caplog):
    done = judge(escalations(*["prose"] * 12, "safe"))
    assert done.counts.unreadable == 12
    assert done.counts.mostly_unreadable
    assert done.counts.failed
    assert "of 13 answers cannot be read" in caplog.text
    assert "most often not_json" in caplog.text
