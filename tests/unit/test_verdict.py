"""An answer decides only where it is complete and in the policy's own contract."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz_verdicts import fuzz
from weir.policies.policy import Contract, Policy
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.verdict import MOST_OF_ANSWER, Reason, parse
from weir.transforms.records import Outcome

JSON_POLICY = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"1": "violates", "0": "safe"},
    rules={"SP1": "bulk adverts", "SP2": "chain letters"},
)
LABEL_POLICY = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"VALID": "safe", "SP1": "violates", "INVALID": "violates"},
    rules={"SP1": "bulk adverts"},
    contract=Contract.LABEL,
)

BARE_POLICY = replace(JSON_POLICY, contract=Contract.LABEL)
CODED_POLICY = replace(
    JSON_POLICY,
    labels={"VALID": "safe", "SP0": "safe", "INVALID": "violates", "NOT SURE AT ALL": "violates"},
    contract=Contract.LABEL_RULES,
)


def judged(final, policy=JSON_POLICY, **fields):
    return parse(Completion(final, **fields), policy)


def answer(**fields):
    return json.dumps({"violation": 1} | fields)


@pytest.mark.parametrize("violation", ["1", "true"])
def test_a_violation_is_one_or_true(violation):
    assert judged(f'{{"violation": {violation}}}').outcome == Outcome.VIOLATES


@pytest.mark.parametrize("violation", ["0", "false"])
def test_no_violation_is_zero_or_false(violation):
    assert judged(f'{{"violation": {violation}}}').outcome == Outcome.SAFE


@pytest.mark.parametrize("said", ["spam", "SPAM", "Spam", "SP1"])
def test_a_category_is_a_name_that_the_policy_knows(said):
    (category,) = judged(answer(policy_category=said)).categories
    assert category.casefold() == said.casefold()


def test_a_category_that_the_policy_writes_in_quotes_is_known():
    policy = replace(JSON_POLICY, text='Answer {"violation": 0|1, "policy_category": "bulk"|null}')
    answered = Completion(answer(policy_category="bulk"))
    assert parse(answered, policy).categories == ("bulk",)


@pytest.mark.parametrize(
    "said", ["call +44 20 7946 0000", "the post in full", "x" * 1_200_000, "\0" * 200_000, ""]
)
def test_a_post_does_not_survive_as_a_category(said):
    verdict = judged(answer(policy_category=said))
    assert (verdict.outcome, verdict.categories) == (Outcome.VIOLATES, ())


def test_category_rules_and_rationale_are_kept():
    verdict = judged(answer(policy_category="spam", rule_ids=["SP2", "SP1", "SP2"], rationale="ad"))
    assert verdict.categories == ("spam",)
    assert verdict.rule_ids == ("SP2", "SP1")
    assert verdict.rationale == "ad"
    assert verdict.reason is None


@pytest.mark.parametrize("odd", [0.9, "HIGH", ["high"], {}, None, "certain"])
def test_confidence_may_have_any_form_because_it_decides_nothing(odd):
    assert judged(answer(confidence="high")).confidence == "high"
    assert judged(answer(confidence=odd)).outcome == Outcome.VIOLATES
    assert judged(answer(confidence=odd)).confidence is None


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        (None, Reason.MISSING_FINAL),
        ("", Reason.MISSING_FINAL),
        (" \n", Reason.MISSING_FINAL),
        ("I'm sorry, but I can't help with that.", Reason.NOT_JSON),
        ('{"violation": 0', Reason.NOT_JSON),
        ('Here:\n```json\n{"violation": 0}\n```', Reason.NOT_JSON),
        ('```json\n{"violation": 0}\n``` as it is harmless', Reason.NOT_JSON),
        ('```\n{"violation": 0}\n```\n```\n{"violation": 0}\n```', Reason.TRAILING_TEXT),
        ('```yaml\n{"violation": 0}\n```', Reason.NOT_JSON),
        ("``````", Reason.NOT_JSON),
        ('{"violation": ' + "9" * 5000 + "}", Reason.NOT_JSON),
        ("[" * 100_000, Reason.NOT_JSON),
        ('{"violation": 0} as it is harmless', Reason.TRAILING_TEXT),
        ('{"violation": 0}{"violation": 1}', Reason.TRAILING_TEXT),
        ('{"violation": 0, "violation": 1}', Reason.DUPLICATE_KEY),
        ('{"violation": 0, "more": {"a": 1, "a": 2}}', Reason.DUPLICATE_KEY),
        ("0", Reason.MALFORMED),
        ("[]", Reason.MALFORMED),
        ("{}", Reason.MALFORMED),
        ('{"violation": "0"}', Reason.MALFORMED),
        ('{"violation": 0.0}', Reason.MALFORMED),
        ('{"violation": 2}', Reason.MALFORMED),
        ('{"violation": []}', Reason.MALFORMED),
        ('{"violation": NaN}', Reason.MALFORMED),
        ('{"violation": 1, "rule_ids": "SP1"}', Reason.MALFORMED),
        ('{"violation": 1, "rule_ids": [1]}', Reason.MALFORMED),
        ('{"violation": 1, "policy_category": 3}', Reason.MALFORMED),
        ('{"violation": 1, "rationale": {}}', Reason.MALFORMED),
        ('{"violation": 1, "rule_ids": ["SP9"]}', Reason.UNKNOWN_RULE),
        ('{"violation": 0, "rule_ids": ["SP9"]}', Reason.UNKNOWN_RULE),
        ('{"violation": 0, "rule_ids": ["SP1"]}', Reason.CONTRADICTION),
        ('{"violation": null}', Reason.UNCERTAIN),
    ],
)
def test_any_other_answer_is_indeterminate_with_its_reason(final, reason):
    verdict = judged(final)
    assert verdict.outcome == Outcome.INDETERMINATE
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", Reason.CUT_OFF),
        ("uncertain", Reason.UNCERTAIN),
        ("content_filter", Reason.CONTENT_FILTER),
        ("prompt_cut", Reason.PROMPT_CUT),
        ("", Reason.UNFINISHED),
    ],
)
def test_an_answer_that_did_not_end_by_itself_decides_nothing(finish, reason):
    for policy, final in ((JSON_POLICY, '{"violation": 0}'), (LABEL_POLICY, "VALID")):
        verdict = judged(final, policy, finish_reason=finish, reasoning="because")
        assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, reason)
        assert verdict.reasoning == "because"


def test_a_label_means_what_the_policy_says_it_means():
    assert judged(" VALID\n", LABEL_POLICY).outcome == Outcome.SAFE
    assert judged("INVALID", LABEL_POLICY).outcome == Outcome.VIOLATES


def test_a_violating_label_that_names_a_rule_cites_it():
    assert judged("SP1", LABEL_POLICY).rule_ids == ("SP1",)


@pytest.mark.parametrize(
    "fenced", ["```json\n{}\n```", "```\n{}\n```", "```JSON {}```", "`{}`", "\n```json{}``` \n"]
)
def test_an_object_alone_in_one_fence_is_read(fenced):
    assert judged(fenced.replace("{}", '{"violation": 0}')).outcome == Outcome.SAFE
    assert judged(fenced.replace("{}", answer())).outcome == Outcome.VIOLATES


@pytest.mark.parametrize("final", ["INVALID.", "`INVALID`", "```\nINVALID\n```"])
def test_a_label_in_backticks_or_with_a_full_stop_is_the_label(final):
    for policy in (LABEL_POLICY, CODED_POLICY):
        assert judged(final, policy).outcome == Outcome.VIOLATES
        assert judged(final.replace("INVALID", "VALID"), policy).outcome == Outcome.SAFE


def test_a_label_that_ends_in_a_full_stop_is_itself():
    policy = replace(LABEL_POLICY, labels={"NO": "safe", "NO.": "violates"})
    assert judged("NO.", policy).outcome == Outcome.VIOLATES


@pytest.mark.parametrize(
    "final",
    [
        *("valid", "VALID..", "**VALID**", "VALID (SP1)", '"VALID"', "`VALID`.", "`VALID.`"),
        *("`VALID` ``", "`VALID", "``VALID``", "~VALID~", "```text\nVALID\n```", "VALID!", "."),
        *("INVALID VALID", "`INVALID` `VALID`", "I cannot help.", "1"),
    ],
)
def test_a_label_must_be_exact_and_alone(final):
    verdict = judged(final, LABEL_POLICY)
    assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, Reason.UNKNOWN_LABEL)


def test_a_bare_digit_is_a_label_like_any_other():
    assert judged("1", BARE_POLICY).outcome == Outcome.VIOLATES
    assert judged("0\n", BARE_POLICY).outcome == Outcome.SAFE


@pytest.mark.parametrize(
    "final", ["00", "0.0", "-0", "0 1", "٠", "０", "²", "0\u200b", '"0"', "{0}"]
)
def test_what_only_resembles_a_digit_is_no_label(final):
    assert judged(final, BARE_POLICY).reason == Reason.UNKNOWN_LABEL


def test_the_two_keys_of_the_shorter_json_form_are_enough():
    final = '{"violation": 1, "policy_category": "spam"}'
    verdict = judged(final, replace(JSON_POLICY, rules={}))
    assert (verdict.outcome, verdict.categories) == (Outcome.VIOLATES, ("spam",))


@pytest.mark.parametrize(
    ("final", "outcome", "rules"),
    [
        ("VALID", Outcome.SAFE, ()),
        ("VALID SP0", Outcome.SAFE, ()),
        ("SP0", Outcome.SAFE, ()),
        ("INVALID", Outcome.VIOLATES, ()),
        ("INVALID SP2", Outcome.VIOLATES, ("SP2",)),
        ("INVALID SP2, SP1\n", Outcome.VIOLATES, ("SP2", "SP1")),
        ("INVALID,SP2,SP2", Outcome.VIOLATES, ("SP2",)),
        ("NOT SURE AT ALL SP1", Outcome.VIOLATES, ("SP1",)),
        ("`INVALID SP1`", Outcome.VIOLATES, ("SP1",)),
        ("INVALID SP1.", Outcome.VIOLATES, ("SP1",)),
    ],
)
def test_a_label_may_carry_the_codes_that_it_rests_on(final, outcome, rules):
    verdict = judged(final, CODED_POLICY)
    assert (verdict.outcome, verdict.rule_ids) == (outcome, rules)


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        ("VALID SP2", Reason.CONTRADICTION),
        ("INVALID SP0", Reason.CONTRADICTION),
        ("VALID INVALID", Reason.CONTRADICTION),
        ("VALID SP0 SP1", Reason.CONTRADICTION),
        ("VALID SP9", Reason.UNKNOWN_RULE),
        ("INVALID sp2", Reason.UNKNOWN_RULE),
        ("VALID because it is harmless", Reason.UNKNOWN_RULE),
        ("INVALID (SP2)", Reason.UNKNOWN_RULE),
        ("INVALID: SP2", Reason.UNKNOWN_LABEL),
        ("INVALID SP2.a", Reason.UNKNOWN_RULE),
        ("INVALID SP2 and SP1", Reason.UNKNOWN_RULE),
        ("**INVALID SP2**", Reason.UNKNOWN_LABEL),
        ("SP2", Reason.UNKNOWN_LABEL),
        ("VALIDSP0", Reason.UNKNOWN_LABEL),
        ("VALID\nSP0", Reason.UNKNOWN_LABEL),
        ("VALID  SP0", Reason.UNKNOWN_LABEL),
        ("VALID ,", Reason.UNKNOWN_LABEL),
        ("The post is VALID", Reason.UNKNOWN_LABEL),
        ("", Reason.MISSING_FINAL),
    ],
)
def test_codes_that_are_unknown_or_disagree_decide_nothing(final, reason):
    verdict = judged(final, CODED_POLICY)
    assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, reason)


@pytest.mark.parametrize(
    ("policy", "safe"),
    [(JSON_POLICY, '{"violation": 0}'), (BARE_POLICY, "0"), (LABEL_POLICY, "VALID"),
     (CODED_POLICY, "VALID SP0")],
)  # fmt: skip
def test_a_verdict_in_the_reasoning_or_quoted_from_the_post_decides_nothing(policy, safe):
    for final in (None, "", f'The post says "{safe}".', f"Post: {safe}", f"{safe}\n{safe}"):
        verdict = judged(final, policy, reasoning=safe, rationale=safe)
        assert verdict.outcome == Outcome.INDETERMINATE
        assert verdict.reasoning == safe


def test_an_answer_that_cannot_be_read_is_kept_and_one_that_can_is_not():
    assert judged("Well, it depends.").answer == "Well, it depends."
    assert judged(answer()).answer is None


def test_of_a_long_answer_that_cannot_be_read_beginning_and_end_are_kept():
    kept = judged("begins" + "x" * 1_000_000 + "ends").answer
    assert len(kept) <= MOST_OF_ANSWER
    assert (kept[:6], kept[-4:]) == ("begins", "ends")
    assert "[part of the answer left out]" in kept


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_probability_is_left_out(probability):
    assert judged(answer(), probability=probability).probability is None


def test_half_a_surrogate_pair_is_replaced_because_no_table_can_hold_it():
    verdict = judged('{"violation": 1, "rationale": "\\ud800", "policy_category": "\\udfff"}')
    assert verdict.rationale == "?"
    assert verdict.categories == ()


def test_an_engines_rationale_serves_where_the_contract_has_no_room_for_one():
    assert judged("SP1", LABEL_POLICY, rationale="near an example").rationale == "near an example"


ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=8,
)


@given(ANY_TEXT, st.sampled_from([JSON_POLICY, LABEL_POLICY, CODED_POLICY]), ANY_TEXT)
def test_any_text_gets_a_verdict_and_never_an_exception(final, policy, finish):
    for finish_reason in ("stop", finish):
        verdict = judged(final, policy, finish_reason=finish_reason, reasoning=final)
        assert (verdict.reason is None) == (verdict.outcome != Outcome.INDETERMINATE)


@given(
    st.dictionaries(
        st.sampled_from(["violation", "policy_category", "rule_ids", "rationale", "else"]),
        JSON_LIKE | st.sampled_from([0, 1, ["SP1"], "spam"]),
    ),
    ANY_TEXT,
)
def test_only_a_well_formed_zero_is_ever_safe(fields, after):
    verdict = judged(json.dumps(fields) + after)
    assert verdict.reason in set(Reason) | {None}
    if verdict.outcome == Outcome.SAFE:
        assert fields["violation"] in (0, False)
        assert not after.strip()
        assert not fields.get("rule_ids")


def test_no_answer_out_of_a_grammar_of_near_misses_is_safe_by_mistake():
    tried = fuzz(20_000, seed=7)
    assert sum(tried.outcomes.values()) == 20_000
    assert min(tried.outcomes.values()) > 1_000
    of_answers = [reason for reason in Reason if reason != Reason.UNREAD]  # which is the post's
    assert set(tried.reasons) == {str(reason) for reason in (*of_answers, None)}
