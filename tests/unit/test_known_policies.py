"""The policies that an escalation may name."""

from types import SimpleNamespace
from typing import Any

from tests.unit.judging.cases import POLICY
from tests.unit.judging.together import POLICIES
from weir.policies.policy import PolicySet
from weir.transforms.judge.known_policies import KnownPolicies
from weir.transforms.process.reloading import InForce


def test_groups_are_made_once_for_the_policies_in_force_whatever_versions_are_asked_for():
    taken: list[None] = []
    reloaded: Any = SimpleNamespace(
        now=InForce(PolicySet(POLICIES)), look=lambda: None, count=lambda: taken.append(None)
    )
    known = KnownPolicies(reloaded, together=True)
    group = known.group(POLICY)
    for version in ("one", "another"):
        assert known.policy("spam", version) == POLICY
    assert (len(taken), known.group(POLICY)) == (1, group)
    assert known.group(POLICY) is group
    reloaded.now = InForce(PolicySet(POLICIES[:1]))
    assert known.policy("spam", POLICY.version) is None
    assert known.group(POLICY) is None
