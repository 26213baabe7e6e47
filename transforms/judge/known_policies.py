"""The policies that an escalation may name: those in force, and those of a moment ago."""

from weir.policies.group import Group, groups_of
from weir.policies.policy import Policy, PolicySet
from weir.transforms.process.reloading import InForce, Reloaded

_MOST_MISSED = 10_000


class KnownPolicies:
    """Finds what judges an escalation. Of one thread.

    The step that screened may have read an edit a moment before this process, or after it: what is
    in flight is judged by the version that it was screened under, where this process knows it.
    """

    def __init__(self, reloaded: Reloaded[PolicySet], *, together: bool = False) -> None:
        self._reloaded = reloaded
        self._together = together
        self._missed: set[tuple[str, str]] = set()
        self._take(reloaded.now)

    def policy(self, policy_id: str, version: str) -> Policy | None:
        """Return the policy of that version, else the one in force; None where there is neither."""
        self._refresh()
        wanted = policy_id, version
        if wanted not in self._versions and wanted not in self._missed:
            # Perhaps it was written a moment ago, and another worker has read it already.
            self._reloaded.look()
            self._refresh()
            if wanted not in self._versions and len(self._missed) < _MOST_MISSED:
                self._missed.add(wanted)
        return self._versions.get(wanted) or self._in_force.get(policy_id)

    def group(self, policy: Policy) -> Group | None:
        """Return the policies in force that one is asked beside; None where it is asked alone."""
        return self._groups.get(policy.version)

    def _refresh(self) -> None:
        if self._reloaded.now is not self._seen:
            self._take(self._reloaded.now)

    def _take(self, seen: InForce[PolicySet]) -> None:
        self._seen = seen
        self._groups = groups_of(seen.value.policies) if self._together else {}
        self._reloaded.count()
        self._in_force = {policy.policy_id: policy for policy in seen.value.policies}
        # The newest last: a version that is in force, or was last, has the status of that set.
        self._versions = {
            (policy.policy_id, policy.version): policy
            for policies in (*reversed(seen.earlier), seen.value)
            for policy in policies.policies
        }
