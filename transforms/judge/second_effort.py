"""Whether what was answered at a policy's first effort is in doubt, and is asked at its second."""

from weir.policies.policy import Policy
from weir.transforms.judge.verdict import Reason, Verdict

# More effort changes nothing about these.
_NO_DOUBT = (Reason.CONTENT_FILTER, Reason.PROMPT_CUT, Reason.UNREAD)


def climbs(verdict: Verdict, policy: Policy) -> bool:
    """Return whether a verdict of the first effort is in doubt.

    That is where the probability of a violation lies in the policy's band, both ends included.
    Where the engine gives none, only what the model itself is confident of is not in doubt; where
    its contract has no confidence, everything is.
    """
    if policy.second_effort is None or verdict.reason in _NO_DOUBT:
        return False
    if verdict.reason is not None:
        return True
    if verdict.probability is not None:
        low, high = policy.effort_band
        return low <= verdict.probability <= high
    return verdict.confidence != "high"
