"""The policies that ship with Weir."""

import pytest

from weir.policies.check import check
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Policy

LIBRARY_POLICIES = load_policies(LIBRARY).policies


def test_the_library_has_the_eight_policies() -> None:
    assert [p.policy_id for p in LIBRARY_POLICIES] == [
        "game-cheating",
        "harassment",
        "hate",
        "online-fraud",
        "self-harm",
        "sexual-content",
        "spam",
        "violence",
    ]


@pytest.mark.parametrize("policy", LIBRARY_POLICIES, ids=lambda p: p.policy_id)
class TestEveryPolicyOfTheLibrary:
    def test_has_nothing_to_mend(self, policy: Policy) -> None:
        assert check(policy) == []

    def test_has_at_least_forty_golden_cases_and_nearly_as_many_of_each_side(
        self, policy: Policy
    ) -> None:
        violating = sum(e.violates for e in policy.examples)
        assert len(policy.examples) >= 40
        assert 0.4 <= violating / len(policy.examples) <= 0.6

    def test_has_at_least_twelve_hard_safe_cases_that_say_why_they_are_hard(
        self, policy: Policy
    ) -> None:
        assert sum(not e.violates and e.note is not None for e in policy.examples) >= 12

    def test_names_the_rule_of_every_violating_case(self, policy: Policy) -> None:
        assert [e.text for e in policy.examples if e.violates and e.rule_id is None] == []

    def test_keeps_its_golden_cases_out_of_the_text_that_the_model_reads(
        self, policy: Policy
    ) -> None:
        assert [e.text for e in policy.examples if f'"{e.text}"' in policy.text] == []


def test_no_golden_case_sexualises_a_minor() -> None:
    (policy,) = (p for p in LIBRARY_POLICIES if p.policy_id == "sexual-content")
    assert [e for e in policy.examples if e.rule_id == "SEX5"] == []
