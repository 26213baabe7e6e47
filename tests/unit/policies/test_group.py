"""Several policies as one: what a model reads of them, and who is asked beside whom."""

from dataclasses import replace

import pytest

from weir.policies.check import tokens
from weir.policies.contract import section
from weir.policies.group import MOST_TOKENS, Group, groups_of
from weir.policies.loading import LIBRARY, load_policies, parse_policy
from weir.policies.policy import Contract, Effort, Policy, PolicyError, Status

SPAM = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam, says SPAM1.",
    labels={"1": "violates", "0": "safe"},
    rules={"SPAM1": "adverts"},
)
HATE = replace(SPAM, policy_id="hate", title="Hate", text="No hate.")


def test_the_librarys_policies_have_room_in_one_group():
    policies = load_policies(LIBRARY).policies
    (group,) = {each.version: each for each in groups_of(policies).values()}.values()
    assert group.members == policies
    assert tokens(group.text) <= MOST_TOKENS


def test_a_model_reads_every_members_text_and_form_and_no_other_form():
    group = Group.of([SPAM, HATE])
    assert [group.text.count(each.text) for each in group.members] == [1, 1]
    assert group.text.index("# Policy hate: Hate") < group.text.index("# Policy spam: Spam")
    assert (
        'Behind "spam" stands `{"violation": 0}` where the post is safe, else `{"violation": 1, '
        in (group.text)
    )
    assert section(group) == ""


def test_a_member_with_two_efforts_says_how_sure_it_is_where_the_post_is_safe():
    climbing = replace(SPAM, second_effort=Effort.HIGH)
    assert (
        '`{"violation": 0, "confidence": "low"|"medium"|"high"}`' in Group.of([climbing, HATE]).text
    )


def test_a_label_is_written_as_a_string():
    coded = replace(SPAM, contract=Contract.LABEL_RULES, labels={"OK": "safe", "BAD": "violates"})
    text = Group.of([coded, HATE]).text
    assert 'Behind "spam" stands one of `"OK"`, `"BAD"`, a violating one with' in text
    assert '`"BAD SPAM1"`' in text


def test_a_groups_version_is_that_of_its_members_in_any_order():
    assert Group.of([SPAM, HATE]).version == Group.of([HATE, SPAM]).version
    edited = replace(SPAM, text="No spam at all.")
    assert Group.of([edited, HATE]).version != Group.of([SPAM, HATE]).version
    assert Group.of([SPAM, HATE]).version not in (SPAM.version, HATE.version)


@pytest.mark.parametrize("change", [{"status": Status.SHADOW}, {"effort": Effort.HIGH}])
def test_policies_of_another_status_or_effort_are_asked_apart(change):
    third = replace(SPAM, policy_id="third", **change)
    groups = groups_of([SPAM, HATE, third])
    assert set(groups) == {SPAM.version, HATE.version}


def test_what_has_no_room_in_a_group_is_in_the_next_one():
    policies = [replace(SPAM, policy_id=f"p{n}") for n in range(5)]
    two = tokens(Group.of(policies[:2]).text)
    groups = groups_of(policies, most_tokens=two)
    assert [groups.get(p.version) and len(groups[p.version].members) for p in policies] == [
        *[2] * 4,
        None,
    ]


def test_no_document_may_be_written_in_the_contract_of_a_group():
    document = (
        "---\nid: a\ntitle: A\nowner: o\ncontract: group\nlabels:\n  V: violates\n  S: safe\n---\nx"
    )
    with pytest.raises(PolicyError, match="contract is 'group'; it is one of label, label-rules"):
        parse_policy(document.encode())
