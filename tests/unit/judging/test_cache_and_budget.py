"""What is answered from the cache, and what waits because it is over the budget."""

from dataclasses import replace

import pytest

from tests.unit.judging.cases import (
    CACHED,
    FRAUD,
    POLICY,
    SETTINGS,
    escalations,
    judge,
)
from weir.policies.policy import Status
from weir.transforms.judge.budget import Budget
from weir.transforms.records import ESCALATION


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
