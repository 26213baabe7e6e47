"""What the heads of a screen's stage, and what is promised of them, must have in common."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from weir.policies.policy import is_policy_id
from weir.transforms.arrays import Floats
from weir.transforms.screen.certificate import Certificate


class OfAHead(Protocol):
    """What is said of one head."""

    @property
    def policy_id(self) -> str:
        """Return whose head it is."""


def problem_of_heads(
    policy_ids: Sequence[str], weights: Iterable[npt.NDArray[np.floating]]
) -> str | None:
    """Return what is wrong with the heads themselves, or None."""
    if not policy_ids or len(set(policy_ids)) < len(policy_ids):
        return "names no policies, or one of them twice"
    if not all(map(is_policy_id, policy_ids)):
        return "has a head for what is no policy's id"
    if not all(np.isfinite(array).all() for array in weights):
        return "has weights that are not finite numbers"
    return None


def problem_of_promises(
    policy_ids: Sequence[str],
    thresholds: Floats,
    certificates: Sequence[Certificate],
    provisional: Sequence[OfAHead],
) -> str | None:
    """Return what is wrong with what is promised of heads and their thresholds, or None."""
    held = dict(zip(policy_ids, thresholds.tolist(), strict=True))
    if not are_of_heads(certificates, policy_ids) or any(
        held[each.policy_id] != each.threshold for each in certificates
    ):
        return "has a certificate for another head or threshold"
    if not are_of_heads(provisional, policy_ids):
        return "has a provisional threshold for another head"
    return None


def are_of_heads(said: Sequence[OfAHead], policy_ids: Sequence[str]) -> bool:
    """Return whether each is of a head of its own among these."""
    named = {each.policy_id for each in said}
    return len(named) == len(said) and named <= set(policy_ids)
