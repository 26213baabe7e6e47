"""A model always knows the form of its answer: from the policy, or from a section under it."""

from dataclasses import replace

import pytest

from weir.policies.contract import JSON_KEYS, json_keys, section
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Contract, Policy

SILENT = Policy(
    policy_id="shop",
    title="Adverts",
    owner="team",
    text="No adverts.",
    labels={"1": "violates", "0": "safe"},
    rules={"AD1": "adverts"},
)
CODED = replace(
    SILENT, labels={"INVALID": "violates", "VALID": "safe"}, contract=Contract.LABEL_RULES
)


@pytest.mark.parametrize("policy", load_policies(LIBRARY).policies, ids=lambda p: p.policy_id)
def test_the_librarys_policies_state_their_form_themselves(policy):
    assert section(policy) == ""
    assert json_keys(policy) == JSON_KEYS


def test_a_policy_that_states_no_form_gets_all_the_keys_of_the_json_answer():
    assert all(f'"{key}"' in section(SILENT) for key in JSON_KEYS)


def test_a_form_stated_once_is_stated_again_under_the_text_with_the_keys_it_named():
    policy = replace(SILENT, text='Answer {"violation": 0 or 1, "policy_category": text}.')
    assert json_keys(policy) == ("violation", "policy_category")
    assert '{"violation": 0|1, "policy_category": "the policy"|null}' in section(policy)


def test_a_form_stated_twice_is_left_as_it_is():
    policy = replace(SILENT, text='Answer {"violation": 0|1}.\n\nExamples, each {"violation"}:')
    assert section(policy) == ""
    assert json_keys(policy) == ("violation",)


def test_a_violation_spoken_of_in_prose_states_no_form():
    assert section(replace(SILENT, text="A violation is an advert.\nNo violation: news.")) != ""


def test_labels_are_stated_by_two_lines_that_name_them_all():
    bare = replace(SILENT, contract=Contract.LABEL)
    assert section(replace(bare, text="Answer 0 or 1.\n\nExamples (0/1):")) == ""
    assert section(replace(bare, text="Answer 0 or 1.\n\nAD1 is an advert: 1\nNews: 0")) != ""
    assert section(replace(CODED, text="VALID or INVALID\nVALID, INVALID")) == ""


def test_a_label_inside_a_longer_word_is_not_named():
    assert section(replace(CODED, text="INVALID\nINVALID")) != ""


def test_labels_are_listed_with_what_they_mean():
    assert "- `INVALID`: violates\n- `VALID`: safe" in section(CODED)


def test_a_label_with_rules_is_shown_by_an_example():
    assert "`INVALID AD1`" in section(CODED)
    assert "AD1" not in section(replace(CODED, contract=Contract.LABEL))


def test_what_is_added_depends_on_nothing_but_what_the_version_covers():
    twin = replace(CODED, title="Other", owner="other", examples=())
    assert (twin.version, section(twin)) == (CODED.version, section(CODED))
