"""How much of the stream the screen may send to the judge, from the options."""

from weir.pipelines.errors import OptionError
from weir.pipelines.options.screening import ShareOptions
from weir.policies.policy import PolicySet
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.decide import StreamShares

DEFAULT = 0.1


def shares_of(
    said: ShareOptions, audit_rate: float, screen: ScreenSource, policies: PolicySet
) -> StreamShares | None:
    """Return what heads are open for; None where the screen's own thresholds hold.

    OptionError where the options pay for nothing but audits.
    """
    if said.budget_per_head == "off":
        return None
    asked = _asked(said, audit_rate)
    there = {policy.policy_id for policy in policies.policies}
    heads = [head for head in screen.screen().policy_ids if head in there]
    if problem := asked.problem(len(heads), audit_rate):
        raise OptionError(problem)
    return StreamShares(asked)


def _asked(said: ShareOptions, audit_rate: float) -> Asked:
    if said.requests_per_1000 is not None:
        return Asked(per_1000=said.requests_per_1000)
    if said.budget_per_head is not None:
        return Asked(per_head=float(said.budget_per_head))
    # Whoever audits more than that has not asked for fewer escalations by it.
    return Asked(DEFAULT if audit_rate < DEFAULT else min(1.0, audit_rate + DEFAULT))
