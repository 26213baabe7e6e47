"""A post that several policies are asked about at once."""

from dataclasses import replace

import pyarrow as pa
import pytest

from tests.unit.judging.cases import FRAUD, POLICY, SETTINGS, Scripted, escalations, judge
from tests.unit.judging.together import HATE, POLICIES, Judge, judged, of, verdicts
from weir.pipelines.errors import OptionError
from weir.pipelines.settings.engines import require_together
from weir.policies.group import Group, groups_of
from weir.policies.policy import Contract, Effort, Status
from weir.transforms.judge.asked import Asked
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.bundle import Bundle
from weir.transforms.judge.endpoint.answer_schema import json_schema
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.joint_questions import Escalated, of_one_post, said_of_each
from weir.transforms.judge.reuse import ReuseSettings
from weir.transforms.judge.rows import Dead, Deferred, Judged, Provenance, Row
from weir.transforms.judge.shared_engine import Engines
from weir.transforms.judge.verdict import parse
from weir.transforms.records import Mode, Route

GROUP = groups_of(POLICIES)[POLICY.version]
SAFE, VIOLATES = ("safe", None), ("violates", None)


def test_a_post_is_asked_about_once_and_has_a_verdict_of_each_policy():
    results, engine = judged("spam:violates")
    assert verdicts(results) == {
        ("p0", "fraud"): SAFE,
        ("p0", "hate"): SAFE,
        ("p0", "spam"): VIOLATES,
    }
    assert len(engine.asked) == 1
    assert all(each.asked_together == 3 for each in results)
    spam = next(each for each in results if of(each, "policy_id") == "spam")
    assert (spam.verdict.rule_ids, spam.verdict.rationale) == (("R1",), "it does")
    assert spam.verdict.reasoning == "hmm"


def test_the_tokens_and_the_request_are_shared_out_and_add_up():
    results, _ = judged("spam:violates")
    for name, total in [("tokens_in", 100), ("tokens_cached", 80), ("tokens_out", 10)]:
        assert sum(getattr(each.completion, name) for each in results) == total
    assert sum(each.requests for each in results) == pytest.approx(1)


def test_a_request_about_several_policies_is_metered_as_one():
    done = judge(
        escalations("spam:violates", policy_ids=("fraud", "hate", "spam")),
        policies=POLICIES,
        settings=replace(SETTINGS, together=True),
        engine=Scripted(kind=Judge),
    )
    assert done.verdicts.num_rows == 3
    assert done.metrics["requests"] == done.metrics["latency_ms"] == 1
    assert (done.metrics["tokens_in"], done.metrics["tokens_out"]) == (100, 10)


def test_only_what_is_wanted_of_the_group_has_a_row():
    results, engine = judged("spam:violates hate:violates", asked_of=("fraud", "spam"))
    assert verdicts(results) == {("p0", "fraud"): SAFE, ("p0", "spam"): VIOLATES}
    assert [each.asked_together for each in results] == [2, 2]
    assert len(engine.asked) == 1


def test_a_post_that_one_policy_is_asked_about_is_asked_about_alone():
    results, engine = judged("spam:violates", asked_of=("spam",))
    assert engine.names == ["spam"]
    assert (results[0].asked_together, results[0].requests) == (None, 1.0)


def test_a_group_is_asked_with_one_prefix_whichever_of_its_policies_are_wanted():
    asked = [
        judged("hello", asked_of=ids)[1].asked for ids in (("fraud", "spam"), ("hate", "spam"))
    ]
    assert len({request.policy.version for (request,) in asked}) == 1


@pytest.mark.parametrize(
    ("word", "reason"),
    [("missing", "missing_final"), ("twice", "trailing_text"), ("prose", "malformed")],
)
def test_a_member_that_is_missing_or_malformed_is_indeterminate_alone(word, reason):
    results, engine = judged(f"hate:{word} spam:violates")
    assert verdicts(results) == {
        ("p0", "fraud"): SAFE,
        ("p0", "hate"): ("indeterminate", reason),
        ("p0", "spam"): VIOLATES,
    }
    assert len(engine.asked) == 1


@pytest.mark.parametrize("whole", ["cut", "prose", "fail"])
def test_an_answer_that_cannot_be_read_as_a_whole_is_asked_for_policy_by_policy(whole):
    results, engine = judged(f"together:{whole} spam:violates")
    assert verdicts(results) == {
        ("p0", "fraud"): SAFE,
        ("p0", "hate"): SAFE,
        ("p0", "spam"): VIOLATES,
    }
    assert engine.names == ["together", "fraud", "hate", "spam"]
    assert all(each.asked_together is None for each in results)
    answered = whole != "fail"
    assert sum(each.requests for each in results) == pytest.approx(3 + answered)
    assert sum(each.completion.tokens_in for each in results) == 3 * 30 + 100 * answered


def test_a_long_post_is_asked_about_policy_by_policy():
    results, engine = judged("calm weather " * 600 + "spam:violates")
    assert verdicts(results)["p0", "spam"] == VIOLATES
    assert "together" not in engine.names


def test_policies_in_shadow_are_asked_together_apart_from_those_in_force():
    shadow = tuple(
        replace(p, policy_id=f"{p.policy_id}-next", status=Status.SHADOW) for p in POLICIES
    )
    results, engine = judged("hello", policies=(*POLICIES, *shadow))
    assert len(results) == 6
    assert engine.names == ["together"] * 2


def test_equal_posts_are_asked_about_once_and_the_copies_cost_nothing():
    results, engine = judged("spam:violates", "spam:violates", batches=2, cache_bytes=1 << 20)
    assert set(verdicts(results).values()) == {SAFE, VIOLATES}
    assert len(engine.asked) == 1
    assert sum(each.cached for each in results) == 9
    assert sum(each.requests for each in results) == pytest.approx(1)
    assert sum(each.completion.tokens_in for each in results) == 100


def test_of_equal_posts_a_member_that_could_not_be_read_is_asked_about_again():
    results, engine = judged("hate:missing", "hate:missing", cache_bytes=1 << 20)
    outcomes = [verdicts(results)[post, "hate"][0] for post in ("p0", "p1")]
    assert outcomes == ["indeterminate", "safe"]
    assert engine.names == ["together", "hate"]


def test_a_disguised_copy_takes_no_safe_verdict_of_the_plain_post():
    plain, disguised = "spam:violates", "s\u200bpam:violates"
    results, engine = judged(plain, disguised, cache_bytes=1 << 20)
    assert len(results) == 6
    assert engine.names == ["together"] * 2


def test_over_budget_a_post_is_deferred_with_all_its_policies():
    results, engine = judged("a", "b", "c", "d", changes={"score": 0.5}, budget=Budget(share=0.5))
    deferred = [each for each in results if isinstance(each, Deferred)]
    assert len(deferred) == 6
    assert len({of(each, "content_id") for each in deferred}) == 2
    assert len(engine.asked) == 2


def test_audits_over_budget_leave_the_sample_post_by_post():
    changes = {"route": "audit", "inclusion_probability": 0.1}
    results, _ = judged("a", "b", "c", "d", changes=changes, budget=Budget(share=0.5))
    kept = {each.kept for each in results if isinstance(each, Judged)}
    assert kept == {0.5}
    assert {each.route for each in results if isinstance(each, Deferred)} == {Route.DEFERRED}


def beside_of(text, score=0.6, first="beside", offset=0):
    """Return the rows of a post of which fraud is beside hate and spam, which have this score."""
    batch = escalations(text, policy_ids=("fraud", "hate", "spam"), first=offset)
    rows = batch.to_pylist()
    for row, (route, at) in zip(rows, ((first, 0.99), *(("escalate", score),) * 2), strict=True):
        row |= {"route": route, "score": at}
    batch = pa.RecordBatch.from_pylist(rows, schema=batch.schema)
    return tuple(
        Escalated(Row(batch, number), policy, GROUP) for number, policy in enumerate(POLICIES)
    )


def test_a_post_is_as_urgent_as_what_escalates_of_it_whatever_is_beside_that():
    asked = [Asked(beside_of("hello", score), GROUP, GROUP.version, None) for score in (0.6, 0.7)]
    assert [each.candidate.score for each in asked] == [0.6, 0.7]
    assert {each.route for each in asked} == {Route.ESCALATE}


@pytest.mark.parametrize("whole", ["cut", "fail"])
def test_what_is_beside_is_asked_about_alone_where_the_answer_to_all_came_to_nothing(whole):
    rows = beside_of(f"together:{whole} fraud:violates")
    results, engine = judged_rows(rows)
    assert verdicts(results)["p0", "fraud"] == VIOLATES
    assert engine.names == ["together", "fraud", "hate", "spam"]


def test_what_is_beside_comes_from_the_cache_with_its_post():
    rows = [beside_of("fraud:violates"), beside_of("fraud:violates")]
    results, engine = judged_rows(*rows, cache_bytes=1 << 20)
    assert engine.names == ["together"]
    assert [each.cached for each in results if of(each, "policy_id") == "fraud"] == [False, True]


def test_what_is_beside_and_fails_alone_as_well_is_a_dead_letter():
    results, _ = judged_rows(beside_of("together:fail fraud:fail"))
    (dead,) = [each for each in results if isinstance(each, Dead)]
    assert (of(dead, "policy_id"), of(dead, "route")) == ("fraud", "beside")


def test_a_near_copy_with_policies_beside_is_asked_about_as_that_costs_no_more():
    text = "the order of all these fine watches has the number {}"
    posts = [beside_of(text.format(1_000_000 + n), first="escalate", offset=n) for n in range(9)]
    reuse = ReuseSettings(1 << 20, 1e-9, 0.5)
    _, engine = judged_rows(*posts, reuse=reuse)
    assert len(engine.asked) == 8
    *first, _ = posts
    _, engine = judged_rows(*first, beside_of(text.format(9_999_999), offset=9), reuse=reuse)
    assert len(engine.asked) == 9


def judged_rows(*posts, **more):
    engine = Judge()
    shared = Engines().acquire("k", lambda: engine, 4, **more)
    bundle = Bundle(shared, 20, Provenance("r", "c", Mode.ENFORCE, "scripted", "1"))
    results: list = []
    for rows in posts:
        results += bundle.take(rows[0].row.batch, rows)
        results += bundle.finish()
    return results, engine


LABELS = {"VALID": "safe", "INVALID": "violates"}
LABELLED = replace(POLICY, contract=Contract.LABEL, labels=LABELS)
CODED = replace(LABELLED, policy_id="coded", contract=Contract.LABEL_RULES)


@pytest.mark.parametrize(
    ("written", "spam", "coded"),
    [
        ('"INVALID", "coded": "VALID"', "violates", "safe"),
        ('"VALID", "coded": "INVALID R1"', "safe", "violates"),
        ('"no", "coded": "INVALID R9"', "unknown_label", "unknown_rule"),
        ('{"violation": 1}, "coded": ["INVALID"]', "unknown_label", "unknown_label"),
    ],
)
def test_members_of_other_contracts_are_read_in_theirs(written, spam, coded):
    said = said_of_each(Completion(f'{{"spam": {written}}}'), Group.of([LABELLED, CODED]))
    verdicts = [parse(said[policy.policy_id], policy) for policy in (LABELLED, CODED)]
    assert [each.reason or each.outcome for each in verdicts] == [spam, coded]


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"spam": }', '{"spam": 1,}', '{"spam": 1} {"spam": 0}', "[1]", "{1: 2}", '"spam"'],
)
def test_what_is_no_object_alone_says_nothing_of_any_member(text):
    assert said_of_each(Completion(text), Group.of(POLICIES)) is None


@pytest.mark.parametrize("depth", range(900, 1000, 3))
def test_a_label_that_is_nested_deep_is_no_label(depth):
    written = "[" * depth + "]" * depth
    said = said_of_each(Completion(f'{{"spam": {written}}}'), Group.of([LABELLED, CODED]))
    assert said is None or said["spam"].final == written


@pytest.mark.parametrize("of", ["run", "cluster"])
def test_posts_of_two_runs_at_one_place_are_asked_about_apart(of):
    rows = [
        escalations(f"post of {own}", policy_ids=("fraud", "spam"), **{of: own})
        for own in ("one", "other")
    ]
    batch = pa.Table.from_batches(rows).combine_chunks().to_batches()[0]
    groups = groups_of(POLICIES)
    found = of_one_post(
        [
            Escalated(Row(batch, number), policy, groups[policy.version])
            for number, policy in enumerate([FRAUD, POLICY] * 2)
        ]
    )
    assert [[each.row.number for each in together] for together in found] == [[0, 1], [2, 3]]


def test_what_a_key_of_no_member_says_is_passed_over():
    answer = Completion('{"fraud": {"violation": 0}, "else": {"violation": 1}}')
    said = said_of_each(answer, Group.of(POLICIES))
    assert sorted(said) == ["fraud", "hate", "spam"]
    assert [said[name].final for name in ("hate", "spam")] == [None, None]


def test_the_step_asks_together_and_counts_requests_and_verdicts():
    done = judge(
        escalations("spam:violates", "together:cut", policy_ids=("fraud", "hate", "spam")),
        settings=replace(SETTINGS, together=True),
        policies=POLICIES,
        engine=Scripted(kind=Judge),
    )
    assert done.counts.verdicts == 6
    assert done.verdicts.num_rows == 6
    assert len(set(done.verdicts["decision_id"].to_pylist())) == 6
    rows = {(r["content_id"], r["policy_id"]): r for r in done.verdicts.to_pylist()}
    assert rows["p0", "spam"]["asked_together"] == 3
    assert rows["p0", "spam"]["policy_version"] == POLICY.version
    assert rows["p1", "spam"]["asked_together"] is None
    assert sum(done.verdicts["requests"].to_pylist()) == pytest.approx(1 + 1 + 3)


def test_off_by_default_every_policy_is_asked_alone():
    done = judge(escalations("safe", policy_ids=("fraud", "hate", "spam")), policies=POLICIES)
    assert sum(done.engine.calls) == 3
    assert done.verdicts["asked_together"].to_pylist() == [None] * 3


def test_one_effort_is_the_effort_of_a_group():
    high = replace(HATE, effort=Effort.HIGH)
    results, engine = judged("hello", policies=(FRAUD, high, POLICY))
    assert sorted(engine.names) == ["hate", "together"]
    assert len(results) == 3


def test_a_judge_that_reads_no_policy_is_not_asked_about_several():
    with pytest.raises(OptionError, match="--judge-together needs a judge that reads policies"):
        require_together(True, "exemplar")


def test_a_server_is_asked_to_hold_each_member_to_its_own_form():
    schema = json_schema(Group.of([HATE, LABELLED, CODED]))
    assert schema["required"] == ["coded", "hate", "spam"]
    safe, violating = schema["properties"]["hate"]["anyOf"]
    assert safe["required"] == ["violation"]
    assert safe["properties"]["violation"]["enum"] == [0]
    assert violating["properties"]["violation"]["enum"] == [1]
    assert violating["properties"]["rule_ids"]["items"]["enum"] == ["R1"]
    assert schema["properties"]["spam"] == {"type": "string", "enum": ["VALID", "INVALID"]}
    assert schema["properties"]["coded"] == {"type": "string"}
