"""Where a job's policies come from, for as long as it runs."""

from dataclasses import dataclass

from weir.policies.loading import load_policies, policy_stamps
from weir.policies.policy import PolicySet, Status


@dataclass(frozen=True)
class PolicySource:
    """The policies that a job began with, and where they are read again; nowhere without a path.

    A step carries this to workers.
    """

    policies: PolicySet
    path: str | None = None

    @property
    def what(self) -> str:
        """Return the word for it in metrics."""
        return "policy"

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what two sources of the same policies have in common."""
        return self.what, self.path or "", self.policies.version

    def first(self) -> PolicySet:
        """Return the policies that are in force until others have been read."""
        return self.policies

    def stamp(self) -> object:
        """Return what changes when a file does; PolicyError where the files cannot be listed."""
        return policy_stamps(self.path or "")

    def read(self) -> PolicySet:
        """Return the policies as the files are now; PolicyError where they cannot be used."""
        return load_policies(self.path or "")

    def versions(self, value: PolicySet) -> dict[str, str]:
        """Return the version of each policy; of one in shadow that is said beside its name."""
        return {
            f"policy {policy.policy_id}": f"{policy.version} in shadow"
            if policy.status is Status.SHADOW
            else policy.version
            for policy in value.policies
        }
