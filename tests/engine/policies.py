"""Three policies, one in each published form of answer."""

from dataclasses import replace

from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Contract, PolicySet

_SPAM = load_policies(LIBRARY)["spam"]

JSON = replace(_SPAM, policy_id="engine-json")
CODES = replace(
    _SPAM,
    policy_id="engine-codes",
    contract=Contract.LABEL,
    labels={"VALID": "safe", "SP0": "safe", **{f"SP{n}": "violates" for n in range(1, 5)}},
)
DIGITS = replace(
    _SPAM,
    policy_id="engine-digits",
    contract=Contract.LABEL,
    labels={"0": "safe", "1": "violates"},
)
POLICIES = PolicySet((CODES, DIGITS, JSON))
