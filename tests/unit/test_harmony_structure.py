"""What a completion is held to, and the probability of its label."""

import json
import math
from dataclasses import replace

import pytest

from weir.policies.group import Group
from weir.policies.policy import Contract, Policy
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.members import member_probabilities
from weir.transforms.judge.harmony.structure import (
    label_tokens,
    structural_tag,
    violating_probability,
)

JSON = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"1": "violates", "0": "safe"},
    rules={"SPAM1": "adverts", "SPAM2": "chains"},
)
LABEL = replace(
    JSON,
    contract=Contract.LABEL,
    labels={"VALID": "safe", "SP0": "safe", "SP1": "violates", "SP": "violates"},
)


def elements(policy, reasoning_tokens=7):
    return json.loads(structural_tag(policy, reasoning_tokens))["format"]["elements"]


def spelt(text):
    return harmony.encode(text)


BEFORE = [
    *[harmony.CHANNEL, *spelt("analysis"), harmony.MESSAGE, *spelt("0 or 1?"), harmony.END],
    *[harmony.START, *spelt("assistant"), harmony.CHANNEL, *spelt("final"), harmony.MESSAGE],
]


def probability(policy, final, *chances):
    """Of a completion whose last tokens are ``final``, with chances of tokens at some of them."""
    tokens = [*BEFORE, *final]
    known = [{token: math.log(p) for token, p in each.items() if p} for each in chances]
    places: list[dict] = [{} for _ in range(len(tokens) - len(known))]
    return violating_probability(policy, tokens, [*places, *known])


def test_reasoning_is_bounded_and_holds_no_control_token():
    reasoning = next(each for each in elements(JSON) if each["type"] == "any_tokens")
    assert reasoning["max_tokens"] == 7
    # 201,088 is the size of the model's padded vocabulary.
    assert set(reasoning["exclude_tokens"]) == set(range(199_998, 201_088))


def test_what_surrounds_the_reasoning_reads_as_two_harmony_messages():
    tokens = [each["token"] for each in elements(JSON) if each["type"] == "token"]
    assert tokens == [token for token in BEFORE if token not in spelt("0 or 1?")]
    read = harmony.read([*BEFORE, *spelt("{}"), harmony.RETURN])
    assert (read.reasoning, read.final) == ("0 or 1?", "{}")


def written(of):
    """The constant text of a format, and of what it is made of, in its order; … for free text."""
    match of["type"]:
        case "const_string":
            return of["value"]
        case "any_text":
            return "…"
        case "repeat":
            return f"({written(of['content'])})*"
        case "or":
            return f"({'|'.join(written(each) for each in of['elements'])})"
        case _:
            return "".join(written(each) for each in of["elements"])


def test_a_json_answer_begins_with_the_label_and_cites_only_rules_that_exist():
    rule = '("SPAM1"|"SPAM2")'
    assert written(elements(JSON)[-1]) == (
        '{"violation": (1|0), "policy_category": (null|"…"), '
        f'"rule_ids": ([]|[{rule}(, {rule})*]), '
        '"confidence": ("low"|"medium"|"high"), "rationale": "…"}'
    )


def test_free_text_is_bounded_and_holds_nothing_that_would_end_or_break_it():
    rationale = elements(JSON)[-1]["elements"][-2]["elements"][1]
    assert rationale["max_tokens"] <= 200
    assert {'"', "\\", "\n", "\t", "\x01", "\x1f", "<|"} <= set(rationale["excludes"])


def test_a_json_answer_has_the_keys_that_its_policy_names():
    bare = replace(JSON, text='Answer {"violation": 0|1, "policy_category": "spam"|null}')
    assert written(elements(bare)[-1]) == '{"violation": (1|0), "policy_category": (null|"…")}'


def test_a_policy_without_rules_has_none_to_cite():
    assert '"rule_ids": []' in written(elements(replace(JSON, rules={}))[-1])


def test_a_label_answer_is_one_of_the_labels():
    assert written(elements(LABEL)[-1]) == "(VALID|SP0|SP1|SP)"


CODED = replace(
    JSON, policy_id="coded", contract=Contract.LABEL_RULES, labels={"OK": "safe", "BAD": "violates"}
)
GROUP = Group.of([JSON, CODED])


def test_a_violating_label_cites_rules_that_exist_and_a_safe_one_none():
    rule = "(SPAM1|SPAM2)"
    assert written(elements(CODED)[-1]) == f"(OK|BAD( {rule}(, {rule})*)*)"


def test_a_group_is_answered_with_each_members_verdict_a_safe_one_as_short_as_can_be():
    whole = written(elements(GROUP)[-1])
    assert whole.startswith('{"coded": "(OK|BAD( (SPAM1|SPAM2)(, (SPAM1|SPAM2))*)*)", "spam": ')
    assert '({"violation": 0}|{"violation": 1, "policy_category": ' in whole


def test_each_members_probability_is_that_of_its_own_label():
    final = spelt('{"coded": "BAD SPAM1", "spam": {"violation": 1, "rationale": "vue à 0 €"}}')
    place = len(spelt('{"coded": "BAD SPAM1", "spam": {"violation": '))
    zero, one = spelt("0")[0], spelt("1")[0]
    chances = [{one: 0.6, zero: 0.2} if n == place else {} for n in range(len(final))]
    tokens = [*BEFORE, *final, harmony.RETURN]
    known = [{t: math.log(p) for t, p in each.items()} for each in chances]
    found = member_probabilities(GROUP, tokens, [*([{}] * len(BEFORE)), *known, {}])
    assert found == {"spam": pytest.approx(0.75)}


def test_a_place_that_holds_no_label_has_no_probability():
    final = spelt('{"coded": "x", "spam": {"violation": 7}}')
    one = spelt("1")[0]
    tokens = [*BEFORE, *final, harmony.RETURN]
    likely = [{one: math.log(0.6)}] * len(tokens)
    assert member_probabilities(GROUP, tokens, likely) == {}


def test_a_policy_alone_has_no_members_whose_probability_is_known():
    assert member_probabilities(JSON, [*BEFORE, *spelt("{}"), harmony.RETURN], []) == {}


def test_the_probability_is_that_of_the_digit_after_the_key_not_of_one_in_the_reasoning():
    zero, one = spelt("0"), spelt("1")
    final = [*spelt('{"violation":'), *one, *spelt("}")]
    rest: list[dict] = [{}] * len(spelt("}"))
    found = probability(JSON, final, {one[0]: 0.6, zero[0]: 0.2}, *rest)
    assert found == pytest.approx(0.75)


def test_labels_that_begin_alike_are_told_apart_where_they_part():
    sp, zero, one = spelt("SP1")[0], spelt("0")[0], spelt("1")[0]
    valid = spelt("VALID")[0]
    found = probability(
        LABEL,
        [sp, one, harmony.RETURN],
        {valid: 0.2, sp: 0.8},
        {zero: 0.1, one: 0.6, harmony.RETURN: 0.3},
        {},
    )
    assert found == pytest.approx(0.8 * 0.9)


def test_a_label_that_says_all_is_enough():
    sp, valid = spelt("SP1")[0], spelt("VALID")[0]
    assert probability(LABEL, [valid, harmony.RETURN], {valid: 0.99, sp: 0.01}, {}) == 0.0


def test_a_label_whose_rivals_were_likely_and_never_told_apart_has_no_probability():
    sp, valid = spelt("SP1")[0], spelt("VALID")[0]
    assert probability(LABEL, [valid, harmony.RETURN], {valid: 0.6, sp: 0.4}, {}) is None


@pytest.mark.parametrize(
    "tokens",
    [[], BEFORE, BEFORE[:5], [*BEFORE, *spelt("I cannot")], [*BEFORE, *BEFORE], [harmony.MESSAGE]],
)
def test_a_completion_without_a_label_has_no_probability(tokens):
    for policy in (JSON, LABEL):
        assert violating_probability(policy, tokens, [{} for _ in tokens]) is None


def test_a_label_counts_in_whichever_way_it_is_spelt():
    s, sp, valid = spelt("S")[0], spelt("SP1")[0], spelt("VALID")[0]
    p, one = spelt("P")[0], spelt("1")[0]
    found = probability(
        LABEL,
        [s, p, one, harmony.RETURN],
        {valid: 0.5, s: 0.45, sp: 0.05},
        {p: 1.0},
        {one: 1.0},
        {},
    )
    # Of what went on with SP nothing more is known.
    assert found == pytest.approx(0.45 / 0.95)


def test_the_tokens_asked_for_are_parts_of_the_labels():
    assert set(spelt("0") + spelt("1")) <= set(label_tokens(JSON))
    many = replace(LABEL, labels={f"A-QUITE-LONG-LABEL-{n}": "safe" for n in range(40)})
    assert len(label_tokens(many)) <= 128  # vLLM takes no more
